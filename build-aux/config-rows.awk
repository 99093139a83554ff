# config-rows.awk: reads the rows of src/config/options.def for config-sample.awk and config-man.awk.
#
# Fills type_words, type_form (by type), section_name, section_parent, section_help, section_list (by struct; order in
# sections[]), and for each struct the options: option_count[s], option[s, n, field] with the fields type, name, default,
# least, most, flags, help. Works with any POSIX awk, so that a cross build needs no program of its own.

# Splits "A(x, "y, z", w)" into fields[1..n] without quotes around texts; returns n.
function split_row(row, fields,    n, i, c, text, quoted) {
    n = 1
    text = ""
    quoted = 0
    sub(/^[A-Z]+\(/, "", row)
    sub(/\)$/, "", row)
    for (i = 1; i <= length(row); i++) {
        c = substr(row, i, 1)
        if (quoted && c == "\\") {
            i++
            text = text substr(row, i, 1)
        } else if (c == "\"") {
            quoted = !quoted
        } else if (!quoted && c == ",") {
            fields[n++] = text
            text = ""
            while (substr(row, i + 1, 1) == " ") {
                i++
            }
        } else {
            text = text c
        }
    }
    fields[n] = text
    return n
}

function add_section(name, parent, list, help, structure) {
    sections[++section_count] = structure
    section_name[structure] = name
    section_parent[structure] = parent
    section_list[structure] = list
    section_help[structure] = help
}

BEGIN {
    split("type name default least most flags help", columns, " ")
    add_section("", "", 0, "", "config")
}
/^TYPE\(/ {
    split_row($0, f)
    type_words[f[1]] = f[5]
    type_form[f[1]] = f[6]
}
/^GROUP\(/ {
    split_row($0, f)
    add_section(f[3], f[2], 0, f[5], f[1])
}
/^LIST\(/ {
    split_row($0, f)
    add_section(f[3], f[2], 1, f[6], f[1])
}
/^EXAMPLE\(/ {
    split_row($0, f)
    example[f[1]] = example[f[1]] f[2] "\n"
}
/^OPT\(/ {
    split_row($0, f)
    s = f[1]
    n = ++option_count[s]
    option[s, n, "type"] = f[2]
    option[s, n, "name"] = f[3]
    option[s, n, "default"] = f[5] == "TEMPLATES_DIR" ? templates_dir : f[5]
    option[s, n, "least"] = f[6]
    option[s, n, "most"] = f[7]
    option[s, n, "flags"] = f[8]
    option[s, n, "help"] = f[9]
}

# The default as the configuration would write it.
function value_text(s, n,    type, value, count, words, i, text) {
    type = option[s, n, "type"]
    value = option[s, n, "default"]
    if (type == "COUNT" || type == "FLAG") {
        return value
    }
    if (type == "CHANNELS" || type == "CONDITIONS" || type == "TELL" || type == "TEXTS" || type == "STATUSES") {
        count = split(value, words, ",")
        for (i = 1; i <= count; i++) {
            text = text (i > 1 ? ", " : "") (type == "STATUSES" ? words[i] : "\"" words[i] "\"")
        }
        return "[" text "]"
    }
    return "\"" value "\""
}

# "text, at most 48 bytes", "number, 1 to 60", "one of real, manual".
function form_text(s, n,    type, text, words) {
    type = option[s, n, "type"]
    text = type_form[type]
    words = type_words[type]
    if (words != "") {
        gsub(/\|/, ", ", words)
        text = text " " words
    }
    if (type == "COUNT" && option[s, n, "most"] > 0) {
        text = text ", " option[s, n, "least"] " to " option[s, n, "most"]
    }
    if (type == "DAYS") {
        text = text ", " option[s, n, "least"] " to " option[s, n, "most"] " days"
    }
    return text
}

function is_required(s, n) {
    return index(option[s, n, "flags"], "REQUIRED") > 0
}
