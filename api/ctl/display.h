/* Text of customers and their users on a terminal: what could move the cursor, hide or reorder other text is shown as an escape.
 */
#ifndef CTL_DISPLAY_H
#define CTL_DISPLAY_H

#include <jansson.h>
#include <stdbool.h>

#include "util/buf.h"

/* Appends s: control characters as \n \r \t \xNN or \u00NN, bytes that are not UTF-8 as \xNN, bidirectional and invisible
 * formatting characters as \uNNNN, and a backslash doubled. */
void display_put(struct buf *out, struct slice s);
/* The same, but for text that is JSON already: the backslash and the newline stay, and it is still the same JSON. */
void display_put_json(struct buf *out, struct slice s);
/* Prints a JSON document: indented for reading, or (compact) in one line. */
void display_print_json(const json_t *value, bool compact);

#endif
