/* Documents and the command lines that they become, against an emulator that is known from a file:
 * no QEMU is needed.
 *
 *     args_golden EMULATORS FOLDER          compares FOLDER/NAME.xml with NAME.args
 * (domxml-to-native) and NAME.start (with descriptors); TAP on stdout args_golden EMULATORS --write
 * FOLDER  writes them args_golden EMULATORS --native FILE ...  prints "### FILE" and the words of
 * stored documents args_golden --probe BINARY FILE       asks a QEMU and writes what it said to
 * FILE
 *
 * EMULATORS is a folder of files that --probe wrote.
 */
#include <stdio.h>
#include <string.h>

#include "../unit/probed.h"
#include "qemu/args/args.h"
#include "qemu/emulator/firmware.h"

static const char identity[] = "golden";
static GPtrArray *emulators; /* of Emulator */
static Paths paths = { .run = (char *)"/run/vmd",
                       .etc = (char *)"/etc/vmd",
                       .lib = (char *)"/var/lib/vmd",
                       .cache = (char *)"/var/cache/vmd",
                       .log = (char *)"/var/log/vmd" };

/* ---- emulators */

static gboolean
load_emulators(const char *folder)
{
    g_autoptr(GPtrArray) names = state_names(folder, ".json", NULL);

    emulators = g_ptr_array_new_with_free_func((GDestroyNotify)emulator_free);
    for (guint i = 0; names != NULL && i < names->len; i++) {
        g_autofree char *file = g_strdup_printf("%s/%s.json", folder, (char *)names->pdata[i]);
        g_autofree char *text = NULL;
        json_object *o;
        Emulator *e;

        if (!g_file_get_contents(file, &text, NULL, NULL) || (o = json_tokener_parse(text)) == NULL)
            return FALSE;
        e = emucache_load(json_str(o, "path"), identity, file);
        json_object_put(o);
        if (e == NULL)
            return FALSE;
        g_ptr_array_add(emulators, e);
    }
    return emulators->len > 0;
}

static Emulator *
emulator_find(const char *path, const char *arch)
{
    for (guint i = 0; i < emulators->len; i++) {
        Emulator *e = emulators->pdata[i];

        if (path != NULL ? strcmp(e->path, path) == 0 : g_strcmp0(e->arch, arch) == 0)
            return e;
    }
    return NULL;
}

static const EmulatorCaps *
lookup(const char *path, const char *arch, int virt_type, gpointer user, GError **err)
{
    Emulator *e = emulator_find(path, arch != NULL ? arch : "x86_64");
    const EmulatorCaps *caps = e != NULL ? emulator_caps(e, virt_type == VIRT_KVM) : NULL;

    if (caps == NULL)
        fail(err, ERR_CONFIG_UNSUPPORTED, "no emulator for '%s'", path != NULL ? path : arch);
    return caps;
}

static const ConfContext context = { .lookup = lookup,
                                     .nvram_dir = "/var/lib/vmd/qemu/nvram",
                                     .channel_dir = "/run/vmd/channel" };

/* ---- one document */

static void
append_argv(GString *text, const GPtrArray *argv)
{
    for (guint i = 0; i + 1 < argv->len; i++) {
        const char *word = argv->pdata[i];
        const char *next = i + 2 < argv->len ? argv->pdata[i + 1] : "-";

        g_string_append(text, word);
        /* An option and its value stand on one line, so that a difference reads well. */
        g_string_append_c(text, *word == '-' && *next != '-' ? ' ' : '\n');
    }
}

/* Descriptors have the numbers that come first in a daemon that has none yet. */
static void
pretend_open(const GPtrArray *files, GString *text)
{
    static const char *const kinds[] = { "read",    "write",  "create",  "append", "listen",
                                         "connect", "device", "overlay", "memory" };

    for (guint i = 0; i < files->len; i++) {
        HostFd *h = files->pdata[i];

        h->fd = 20 + (int)i;
        g_string_append_printf(text, "# fd %d: %s%s%s %s, for %s\n", h->fd, kinds[h->kind],
                               h->direct ? " direct" : "", h->shared ? " shared" : "", h->path,
                               h->what);
    }
}

static DomainDef *
prepare(const char *xml, guint flags, const Emulator **ret_emulator, const char *run_dir,
        GError **err)
{
    g_autoptr(DomainDef) def = domain_parse(xml, -1, flags, &context, err);

    if (def == NULL)
        return NULL;
    *ret_emulator = emulator_find(def->devices.emulator, def->os.arch);
    if (*ret_emulator == NULL) {
        fail(err, ERR_CONFIG_UNSUPPORTED, "no emulator '%s'", def->devices.emulator);
        return NULL;
    }
    aliases_assign(def, run_dir);
    return g_steal_pointer(&def);
}

static char *
native_form(const char *xml, guint flags, GError **err)
{
    const Emulator *e = NULL;
    g_autoptr(DomainDef) def = prepare(xml, flags, &e, "/run/vmd/qemu/native", err);
    ArgsIn in = { .def = def, .emulator = e, .monitor_fd = -1, .run_dir = "/run/vmd/qemu/native" };
    g_autoptr(GPtrArray) argv = def != NULL ? args_build(&in, err) : NULL;
    GString *text;

    if (argv == NULL)
        return NULL;
    text = g_string_new(NULL);
    append_argv(text, argv);
    return g_string_free(text, FALSE);
}

static char *
start_form(const char *xml, GError **err)
{
    const Emulator *e = NULL;
    g_autoptr(DomainDef) def = prepare(xml, 0, &e, "/run/vmd/qemu/vm", err);
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func((GDestroyNotify)host_fd_free);
    g_autoptr(GPtrArray) argv = NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    ArgsIn in = {
        .def = def, .emulator = e, .files = files, .monitor_fd = 10, .run_dir = "/run/vmd/qemu/vm"
    };

    if (def == NULL || !args_files(def, e, in.run_dir, files, err))
        return NULL;
    pretend_open(files, text);
    argv = args_build(&in, err);
    if (argv == NULL)
        return NULL;
    append_argv(text, argv);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* ---- a folder of them */

static gboolean
check(const char *file, const char *got, gboolean write)
{
    g_autofree char *want = NULL;

    if (write)
        return g_file_set_contents(file, got, -1, NULL);
    if (!g_file_get_contents(file, &want, NULL, NULL))
        want = g_strdup("");
    return strcmp(want, got) == 0;
}

/* A refusal is an answer too: it is compared like a command line. */
static char *
or_refusal(char *text, GError **err)
{
    return text != NULL ? text : g_strdup_printf("refused: %s\n", (*err)->message);
}

static int
run_folder(const char *folder, gboolean write)
{
    g_autoptr(GPtrArray) names = state_names(folder, ".xml", NULL);
    int bad = 0;

    printf("1..%u\n", names != NULL ? names->len * 2 : 0);
    for (guint i = 0; names != NULL && i < names->len; i++) {
        const char *name = names->pdata[i];
        g_autofree char *xml_file = g_strdup_printf("%s/%s.xml", folder, name);
        g_autofree char *args_file = g_strdup_printf("%s/%s.args", folder, name);
        g_autofree char *start_file = g_strdup_printf("%s/%s.start", folder, name);
        g_autofree char *xml = NULL, *native = NULL, *start = NULL;
        g_autoptr(GError) native_err = NULL, start_err = NULL;
        gboolean ok;

        g_file_get_contents(xml_file, &xml, NULL, NULL);
        native = or_refusal(native_form(xml, 0, &native_err), &native_err);
        start = or_refusal(start_form(xml, &start_err), &start_err);
        ok = check(args_file, native, write);
        bad += !ok;
        printf("%sok %u - %s native\n", ok ? "" : "not ", i * 2 + 1, name);
        if (!ok)
            fprintf(stderr, "%s: now\n%s\n", args_file, native);
        ok = check(start_file, start, write);
        bad += !ok;
        printf("%sok %u - %s start\n", ok ? "" : "not ", i * 2 + 2, name);
        if (!ok)
            fprintf(stderr, "%s: now\n%s\n", start_file, start);
    }
    return bad != 0;
}

/* Stored documents: complete, so nothing is filled in. */
static int
print_native(char **files)
{
    for (; *files != NULL; files++) {
        g_autofree char *xml = NULL, *text = NULL;
        g_autoptr(GError) err = NULL;

        if (!g_file_get_contents(*files, &xml, NULL, NULL))
            return 1;
        text = or_refusal(native_form(xml, DEF_BARE, &err), &err);
        printf("### %s\n%s", *files, text);
    }
    return 0;
}

static int
probe(const char *binary, const char *file)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(Emulator) e = probe_to_end(binary, &err);

    g_autofree char *text = NULL;

    if (e != NULL) {
        e->identity = g_strdup(identity);
        text = emucache_text(e);
    }
    if (e == NULL || !file_write_volatile(file, text, -1, 0644, &err)) {
        fprintf(stderr, "%s\n", err->message);
        return 1;
    }
    return 0;
}

int
main(int argc, char **argv)
{
    int rc;

    qemu_paths = &paths;
    if (argc == 4 && strcmp(argv[1], "--probe") == 0)
        return probe(argv[2], argv[3]);
    if (argc < 3 || !load_emulators(argv[1])) {
        fprintf(stderr, "usage: args_golden EMULATORS [--write] FOLDER\n");
        return 2;
    }
    if (strcmp(argv[2], "--native") == 0)
        rc = print_native(argv + 3);
    else if (strcmp(argv[2], "--write") == 0 && argc == 4)
        rc = run_folder(argv[3], TRUE);
    else
        rc = run_folder(argv[2], FALSE);
    g_ptr_array_unref(emulators);
    return rc;
}
