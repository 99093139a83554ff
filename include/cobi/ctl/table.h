/* JSON documents as people like to read them: lists as tables, objects as "field: value" lines. */
#ifndef COBI_CTL_TABLE_H
#define COBI_CTL_TABLE_H

#include <jansson.h>
#include <stdio.h>

#include "cobi/base/command.h"
#include "cobi/ctl/terminal.h"

struct page {
    FILE *out;
    enum terminal_charset charset;
    size_t width;       /* columns of the terminal; 0: no limit */
    struct arena arena; /* dropped after every line; zeroed at first, arena_done() by the owner */
};
/* The answer to a command. Its noun decides the order of columns; `preview` and texts of several
 * lines become blocks. */
void table_print_answer(struct page *page, const struct command *command, json_t *document);
/* A list of objects with aligned columns. noun may be NULL. */
void table_print_list(struct page *page, const char *noun, json_t *unordered);
/* "field: value" lines, then a table for every list of objects inside. */
void table_print_object(struct page *page, json_t *object);

#endif
