# config-sample.awk: the sample configuration from the table of options.
#
# awk -v templates_dir=DIR -f config-rows.awk -f config-sample.awk options.def > cobid.conf
# What must be given is given, with an example; everything else is a comment that shows its default.

# Prints text as comments of at most 100 columns, each line begun with prefix.
function comment(prefix, text,    count, words, i, line) {
    count = split(text, words, " ")
    line = prefix
    for (i = 1; i <= count; i++) {
        if (length(line) + length(words[i]) + 1 > 100) {
            print line
            line = prefix
        }
        line = line " " words[i]
    }
    print line
}

function print_option(s, n, indent) {
    comment(indent "#", option[s, n, "help"])
    print indent (is_required(s, n) ? "" : "#") option[s, n, "name"] " = " value_text(s, n) ";"
}

function print_group(s,    n, any) {
    for (n = 1; n <= option_count[s]; n++) {
        any = any || is_required(s, n)
    }
    comment("#", section_help[s])
    print (any ? "" : "#") section_name[s] " = {"
    for (n = 1; n <= option_count[s]; n++) {
        print_option(s, n, "    ")
    }
    print (any ? "" : "#") "};"
}

END {
    print "# cobid.conf: the configuration of cobid. Every option is explained in cobid.conf(5);"
    print "# `cobid -c FILE --check` says what is wrong with this file. Secrets are never in it."
    print ""
    for (n = 1; n <= option_count["config"]; n++) {
        print_option("config", n, "")
        print ""
    }
    printf "%s\n", example["config"]
    for (i = 2; i <= section_count; i++) {
        s = sections[i]
        if (section_parent[s] != "config") {
            continue
        }
        if (section_list[s]) {
            comment("#", section_help[s])
            printf "%s", example[s]
        } else {
            print_group(s)
        }
        print ""
    }
}
