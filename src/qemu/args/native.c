/* domxml-to-native: the command line of a document, as one line for a shell. Nothing is opened or
 * made, so files are named by their paths where a start hands over descriptors. */
#include <string.h>

#include "args.h"

/* Only words that a shell would change are quoted, and those once. */
static void
append_word(GString *line, const char *word)
{
    g_autofree char *quoted = NULL;

    if (line->len > 0)
        g_string_append_c(line, ' ');
    if (*word != 0 &&
        word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                          "@%+=:,./_-")] == 0) {
        g_string_append(line, word);
        return;
    }
    quoted = g_shell_quote(word);
    g_string_append(line, quoted);
}

static void
append_environment(GString *line, const DomainDef *def)
{
    g_auto(GStrv) env = args_env(def, NULL);

    for (guint i = 0; env && env[i]; i++)
        append_word(line, env[i]);
}

char *
qemu_xml_to_native(const char *xml, GError **err)
{
    g_autoptr(DomainDef) def = domain_parse(xml, -1, 0, emulator_context(), err);
    const Emulator *e = def != NULL ? emulator_known(def->devices.emulator, err) : NULL;
    g_autofree char *folder = NULL;
    g_autoptr(GPtrArray) argv = NULL;
    ArgsIn in = { .def = def, .emulator = e, .monitor_fd = -1 };
    GString *line;

    if (e == NULL)
        return NULL;
    in.run_dir = folder = g_strdup_printf("%s/qemu/domain--1-%s", qemu_paths->run, def->name);
    aliases_assign(def, folder);
    argv = args_build(&in, err);
    if (argv == NULL)
        return NULL;
    line = g_string_new(NULL);
    append_environment(line, def);
    for (guint i = 0; i + 1 < argv->len; i++)
        append_word(line, argv->pdata[i]);
    return g_string_free(line, FALSE);
}
