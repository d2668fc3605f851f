/* Writes the rows of vmd.conf as documents:
 *     confdoc sample            the file with everything commented out
 *     confdoc man TEMPLATE      vmd.conf(5): TEMPLATE with the rows where its line @KEYS@ stands
 *     confdoc policy            the rights as actions of polkit, which grants none of them by
 * itself */
#include "config.h"

#include <stdio.h>
#include <string.h>

#define WIDTH 78

/* "# " and words, broken before WIDTH. */
static void
print_comment(const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    gsize column = 0;

    for (guint i = 0; words[i]; i++) {
        gsize len = strlen(words[i]);
        if (column && column + 1 + len > WIDTH) {
            putchar('\n');
            column = 0;
        }
        column += (gsize)printf("%s%s", column ? " " : "# ", words[i]);
    }
    putchar('\n');
}

static void
print_sample(const ConfigDoc *doc, gpointer user)
{
    g_autofree char *range = g_strdup_printf("Value: %s.%s%s", doc->range,
                                             doc->system ? " The system's daemon alone." : "",
                                             doc->at_start ? " Read at start alone." : "");

    putchar('\n');
    print_comment(doc->says);
    print_comment(range);
    printf("#%s = %s%s%s\n", doc->key, *doc->fallback ? "" : "\"", doc->fallback,
           *doc->fallback ? "" : "\"");
}

/* A dash is a minus. Lines are broken as those of comments are; no word of a row begins with a dot.
 */
static void
print_roff(const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    gsize column = 0;

    for (guint i = 0; words[i]; i++) {
        g_auto(GStrv) parts = g_strsplit(words[i], "-", -1);
        g_autofree char *word = g_strjoinv("\\-", parts);
        if (column && column + 1 + strlen(word) > WIDTH) {
            putchar('\n');
            column = 0;
        }
        column += (gsize)printf("%s%s", column ? " " : "", word);
    }
}

static void
print_man(const ConfigDoc *doc, gpointer user)
{
    g_autofree char *value = g_strdup_printf(
        "Value: %s%s%s.", doc->range, *doc->fallback ? "; without the row: " : "", doc->fallback);

    printf(".TP\n.BR ");
    print_roff(doc->key);
    printf("\n");
    print_roff(doc->says);
    printf("\n");
    print_roff(value);
    printf("\n%s%s", doc->system ? "The system's daemon alone has it.\n" : "",
           doc->at_start ? "Read when the daemon starts, not on SIGHUP.\n" : "");
}

static int
man(const char *path)
{
    g_autofree char *template = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents(path, &template, NULL, NULL))
        return 1;
    lines = g_strsplit(template, "\n", -1);
    for (guint i = 0; lines[i] && lines[i + 1]; i++) {
        if (strcmp(lines[i], "@KEYS@") == 0)
            config_each(print_man, NULL);
        else
            puts(lines[i]);
    }
    return 0;
}

static void
policy(void)
{
    puts(
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        "<!DOCTYPE policyconfig PUBLIC '-//freedesktop//DTD PolicyKit Policy Configuration 1.0//EN'\n"
        "  'http://www.freedesktop.org/software/polkit/policyconfig-1.dtd'>\n<policyconfig>");
    for (Right r = RIGHT_NONE + 1; r < N_RIGHTS; r++) {
        g_autofree char *action = permit_action(r);
        printf("  <action id='%s'>\n    <description>%s of vmd</description>\n"
               "    <message>vmd's settings and polkit's rules do not allow %s</message>\n"
               "    <defaults>\n      <allow_any>no</allow_any>\n"
               "      <allow_inactive>no</allow_inactive>\n      <allow_active>no</allow_active>\n"
               "    </defaults>\n  </action>\n",
               action, right_word(r), right_word(r));
    }
    puts("</policyconfig>");
}

int
main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "policy") == 0) {
        policy();
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "man") == 0)
        return man(argv[2]);
    if (argc != 2 || strcmp(argv[1], "sample") != 0)
        return 2;
    print_comment("/etc/vmd/vmd.conf: settings of vmd(8); vmd.conf(5) tells more. Each row shows "
                  "what holds without it. `vmd --check-config` looks for mistakes.");
    config_each(print_sample, NULL);
    return 0;
}
