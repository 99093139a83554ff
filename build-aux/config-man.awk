# config-man.awk: cobid.conf(5) from the table of options.
#
# awk -v templates_dir=DIR -v version=VERSION -f config-rows.awk -f config-man.awk options.def > cobid.conf.5

# Text as troff input: backslashes, and dots and quotes at a line's beginning.
function escape(text) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    if (text ~ /^[.']/) {
        text = "\\&" text
    }
    return text
}

function print_option(s, n,    line) {
    print ".TP"
    print ".B " escape(option[s, n, "name"])
    print escape(option[s, n, "help"])
    line = toupper(substr(form_text(s, n), 1, 1)) substr(form_text(s, n), 2)
    if (is_required(s, n)) {
        line = line "; required"
    } else if (option[s, n, "default"] == "" || (option[s, n, "type"] == "COUNT" && option[s, n, "default"] == "0")) {
        line = line "; default: none"
    } else {
        line = line "; default: " value_text(s, n)
    }
    if (index(option[s, n, "flags"], "RESTART") > 0) {
        line = line "; changes only with a restart"
    }
    print escape(line ".")
}

END {
    print ".\\\" Made from src/config/options.def by build-aux/config-man.awk."
    print ".TH COBID.CONF 5 \"\" \"cobid " version "\" \"cobid\""
    print ".SH NAME"
    print "cobid.conf \\- configuration of cobid"
    print ".SH DESCRIPTION"
    print "The configuration is read by"
    print ".BR cobid (8)"
    print "at the start and at a reload, and checked whole before any of it is taken;"
    print "a reload with faults leaves the old one in force."
    print ".B cobid \\-\\-check"
    print "prints every fault as \\(lqfile:line: text\\(rq."
    print ".PP"
    print "Its language is that of libconfig: \\(lqname = value;\\(rq, texts in double quotes, groups { ... },"
    print "lists ( ... ), arrays [ ... ], comments from # to the end of the line, and"
    print ".B @include"
    print "\"file\" with a path that begins at the folder of the configuration file (or with absolute paths throughout)."
    print "The lists of programmes, outcomes, reminders and escalations come as files of their own beside it."
    print ".PP"
    print "Secrets are never in this file: an option that ends in"
    print ".B _credential"
    print "names a file in"
    print ".BR credentials_dir ."
    print "What participants see of the sender must not hold a word that names the programme; this is checked."
    print ".SH OPTIONS"
    for (n = 1; n <= option_count["config"]; n++) {
        print_option("config", n)
    }
    for (i = 2; i <= section_count; i++) {
        s = sections[i]
        where = section_parent[s] == "config" ? "" : section_name[section_parent[s]] ": "
        print ".SH " toupper(where section_name[s])
        print escape(section_help[s])
        if (section_list[s]) {
            print "A list of groups, with at least one:"
        }
        for (n = 1; n <= option_count[s]; n++) {
            print_option(s, n)
        }
        if (example[s] != "") {
            print ".PP"
            print ".nf"
            lines = split(example[s], text, "\n")
            for (k = 1; k < lines; k++) {
                print escape(text[k])
            }
            print ".fi"
        }
    }
    print ".SH EXAMPLE"
    print "The sample configuration, which"
    print ".B make install"
    print "puts where there is none yet, says all that must be said."
    print ".SH FILES"
    print ".TP"
    print ".I /etc/cobid/cobid.conf"
    print "the configuration, unless"
    print ".B \\-c"
    print "names another"
    print ".SH SEE ALSO"
    print ".BR cobid (8),"
    print ".BR cobictl (1)"
}
