/* Reads one domain from stdin as it is and says what a start refuses in it: nothing, or the error.
 */
#include "qemu/life/life.h"

#include <stdio.h>

int
main(void)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(DomainDef) def = NULL;
    char part[4096];
    gsize n;

    while ((n = fread(part, 1, sizeof part, stdin)) > 0)
        g_string_append_len(text, part, (gssize)n);
    def = domain_parse(text->str, -1, DEF_BARE, emulator_context(), &err);
    if (def == NULL) {
        fprintf(stderr, "%s\n", err->message);
        return 2;
    }
    if (!refused_check(def, text->str, &err))
        puts(err->message);
    return 0;
}
