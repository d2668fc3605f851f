/* Answers documents as the daemon would, without the wire: reads "KIND LENGTH\n" and LENGTH bytes
 * from stdin, writes "ok LENGTH\n" and the dump, or "error CODE LENGTH\n" and the message. Kinds:
 *   define   parse, fill, check, dump inactive
 *   secure   the same with secrets
 *   migratable  the same for another host
 *   validate the same, and what no row knows is refused
 *   network  a virtual network: parse, check, dump
 *   pool     a storage pool; volume: a volume of a folder
 *   update   "COMMAND SECTION INDEX\n", an element's document, a NUL, the network that it changes
 * CODE is the wire's. Arguments: the JSON files with what is known of the emulators. */
#include "conf/conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static GPtrArray *all_caps; /* of EmulatorCaps */

static const EmulatorCaps *
find_caps(const char *path, const char *arch, int virt_type, gpointer user, GError **err)
{
    for (guint i = 0; i < all_caps->len; i++) {
        const EmulatorCaps *caps = all_caps->pdata[i];

        if (path ? strcmp(caps->path, path) == 0
                 : g_strcmp0(caps->arch, arch ? arch : "x86_64") == 0)
            return caps;
    }
    if (path)
        fail_errno(err, ENOENT, "Cannot check QEMU binary %s", path);
    else
        fail(err, ERR_CONFIG_UNSUPPORTED, "no emulator for arch '%s'", arch);
    return NULL;
}

/* The firmware of the host that the oracle was asked on: Debian's ovmf. */
static const struct {
    const char *machines;
    FirmwareCaps caps;
} firmwares[] = {
#define OVMF(code, vars)                                                                           \
    .uefi = TRUE, .loader = LOADER_PFLASH, .format = FORMAT_RAW, .nvram_format = FORMAT_RAW,       \
    .path = (char *)"/usr/share/OVMF/OVMF_CODE_4M" code,                                           \
    .nvram = (char *)"/usr/share/OVMF/OVMF_VARS_4M" vars, .sev = TRUE
    { "pc-q35-",
      { OVMF(".ms.fd", ".ms.fd"), .enrolled_keys = TRUE, .secure_boot = TRUE,
        .requires_smm = TRUE } },
    { "pc-q35-", { OVMF(".secboot.fd", ".fd"), .secure_boot = TRUE, .requires_smm = TRUE } },
    { "pc-", { OVMF(".fd", ".fd") } },
#undef OVMF
};

static GPtrArray *
find_firmwares(const char *arch, const char *machine, gpointer user)
{
    GPtrArray *list = g_ptr_array_new();

    for (gsize i = 0; i < G_N_ELEMENTS(firmwares); i++)
        if (strcmp(arch, "x86_64") == 0 && g_str_has_prefix(machine, firmwares[i].machines))
            g_ptr_array_add(list, (gpointer)&firmwares[i].caps);
    return list;
}

static const ConfContext context = {
    .lookup = find_caps,
    .firmwares = find_firmwares,
    .nvram_dir = "/var/lib/libvirt/qemu/nvram",
    .channel_dir = "/run/libvirt/qemu/channel",
};

/* ---- kinds: each gives the dump, or NULL with an error */

static char *
dump_domain(const char *xml, gsize len, guint parse_flags, guint format_flags, GError **err)
{
    g_autoptr(DomainDef) def = domain_parse(xml, (gssize)len, parse_flags, &context, err);

    return def ? domain_format(def, format_flags) : NULL;
}

static char *
answer_define(const char *xml, gsize len, GError **err)
{
    return dump_domain(xml, len, 0, 0, err);
}

static char *
answer_secure(const char *xml, gsize len, GError **err)
{
    return dump_domain(xml, len, 0, DEF_SECURE, err);
}

static char *
answer_migratable(const char *xml, gsize len, GError **err)
{
    return dump_domain(xml, len, 0, DEF_MIGRATABLE, err);
}

static char *
answer_validate(const char *xml, gsize len, GError **err)
{
    return dump_domain(xml, len, DEF_VALIDATE, DEF_SECURE, err);
}

static char *
answer_network(const char *xml, gsize len, GError **err)
{
    g_autoptr(NetworkDef) def = network_parse(xml, (gssize)len, 0, err);

    return def ? network_format(def, 0) : NULL;
}

static char *
answer_update(const char *text, gsize len, GError **err)
{
    g_autoptr(NetworkDef) def = NULL;
    guint command, section;
    int parent, used = 0;

    if (sscanf(text, "%u %u %d%n", &command, &section, &parent, &used) != 3 ||
        !memchr(text, 0, len)) {
        fail(err, ERR_INVALID_ARG, "no update");
        return NULL;
    }
    def = network_parse(text + strlen(text) + 1, -1, 0, err);
    if (!def || !network_update(def, command, section, parent, text + used, err))
        return NULL;
    return network_format(def, 0);
}

static char *
answer_pool(const char *xml, gsize len, GError **err)
{
    g_autoptr(PoolDef) def = pool_parse(xml, (gssize)len, FALSE, FALSE, err);

    return def ? pool_format(def, FALSE) : NULL;
}

static char *
answer_volume(const char *xml, gsize len, GError **err)
{
    g_autoptr(VolumeDef) def = volume_parse(xml, POOL_DIR, FALSE, err);

    return def ? volume_format(def) : NULL;
}

static const struct {
    const char *name;
    char *(*answer)(const char *text, gsize len, GError **err);
} kinds[] = {
    { "define", answer_define },
    { "secure", answer_secure },
    { "migratable", answer_migratable },
    { "validate", answer_validate },
    { "network", answer_network },
    { "update", answer_update },
    { "pool", answer_pool },
    { "volume", answer_volume },
};

static void
answer(const char *kind, const char *text, gsize len)
{
    g_autoptr(GError) err = NULL;
    g_autofree char *dump = NULL;
    gsize i = 0;
    WireError wire;

    while (i < G_N_ELEMENTS(kinds) && strcmp(kinds[i].name, kind) != 0)
        i++;
    if (i < G_N_ELEMENTS(kinds))
        dump = kinds[i].answer(text, len, &err);
    else
        fail(&err, ERR_INVALID_ARG, "no kind '%s'", kind);
    if (dump) {
        printf("ok %zu\n%s", strlen(dump), dump);
    } else {
        error_to_wire(err, &wire);
        printf("error %d %zu\n%s", wire.code, strlen(wire.message), wire.message);
        wire_error_done(&wire);
    }
    fflush(stdout);
}

static gboolean
load_caps(const char *path, GError **err)
{
    g_autofree char *text = NULL;
    EmulatorCaps *caps;
    gsize len;

    if (!file_read(path, 16 << 20, &text, &len, err) || !(caps = caps_from_json(text, len, err)))
        return FALSE;
    g_ptr_array_add(all_caps, caps);
    return TRUE;
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) err = NULL;
    char kind[16];
    gsize len;

    log_init(LOG_LEVEL_ERROR);
    all_caps = g_ptr_array_new_with_free_func((GDestroyNotify)caps_free);
    for (int i = 1; i < argc; i++) {
        if (!load_caps(argv[i], &err)) {
            fprintf(stderr, "%s\n", err->message);
            return 1;
        }
    }
    while (scanf("%15s %zu", kind, &len) == 2 && getchar() == '\n') {
        g_autofree char *xml = g_malloc0(len + 1);

        if (fread(xml, 1, len, stdin) != len)
            break;
        answer(kind, xml, len);
    }
    g_ptr_array_unref(all_caps);
    return 0;
}
