/* One command for several domains: names one after another, and patterns with * and ?. */
#include <string.h>

#include "vmsh.h"

static gboolean
is_pattern(const char *text)
{
    return strpbrk(text, "*?") != NULL;
}

gboolean
args_names_many(const Args *a)
{
    g_autofree const char **names = args_rest(a, "domain");

    return !a->help && (a->command->flags & COMMAND_MANY) && names[0] &&
           (names[1] || is_pattern(names[0]));
}

static gboolean
add_matches(GStrvBuilder *names, GHashTable *seen, char **all, const char *pattern)
{
    gboolean any = FALSE;

    for (char **name = all; *name; name++) {
        if (!g_pattern_match_simple(pattern, *name))
            continue;
        any = TRUE;
        if (g_hash_table_add(seen, *name))
            g_strv_builder_add(names, *name);
    }
    return any;
}

char **
shell_expand(Shell *s, const Args *a, GError **err)
{
    g_autofree const char **words = args_rest(a, "domain");
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    g_auto(GStrv) all = NULL;

    if (!shell_connect(s, err))
        return NULL;
    all = complete_domains(s);
    for (const char **word = words; *word; word++) {
        if (is_pattern(*word) && !g_strv_contains((const char *const *)all, *word)) {
            if (!add_matches(names, seen, all, *word)) {
                hint(s, "'vmsh list --all' shows every domain there is");
                refuse(err, "no domain's name is like '%s'", *word);
                return NULL;
            }
        } else if (g_hash_table_add(seen, (gpointer)*word)) {
            g_strv_builder_add(names, *word);
        }
    }
    return g_strv_builder_end(names);
}
