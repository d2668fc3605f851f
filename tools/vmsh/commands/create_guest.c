/* create-guest: a guest from few words. Of an image it makes a volume, of a name and a key a seed
 * for cloud-init (its data source NoCloud), and of the rest a definition; where a step fails, what
 * the ones before it made is taken back. */
#include <string.h>
#include <unistd.h>

#include "vmsh/storage.h"

#define KEYS_MAX (1 << 20)

static const Option create_options[] = {
    { "name", OPTION_STRING, OPTION_REQUIRED, NULL, "name of the guest, and its host name" },
    { "image", OPTION_STRING, OPTION_REQUIRED | OPTION_NAMED, NULL,
      "image file, or a volume of the pool that the guest's disk is to lie on" },
    { "pool", OPTION_STRING, OPTION_NAMED, complete_pools,
      "pool of its volumes (default: default)" },
    { "size", OPTION_STRING, OPTION_NAMED, NULL,
      "size of its disk, such as 20G (default: the image's)" },
    { "cpus", OPTION_NUMBER, OPTION_NAMED, NULL, "processors (default: 1)" },
    { "memory", OPTION_STRING, OPTION_NAMED, NULL, "memory, such as 2G (default: 1G)" },
    { "network", OPTION_STRING, OPTION_NAMED, complete_networks,
      "a network, bridge=NAME, or user: one of its own, without root (default: default)" },
    { "user", OPTION_STRING, OPTION_NAMED, NULL,
      "a user that cloud-init makes, who may become root" },
    { "ssh-key", OPTION_STRING, OPTION_NAMED, NULL,
      "file with the public keys that let in that user, or the image's own" },
    { "user-data", OPTION_STRING, OPTION_NAMED, NULL, "file for cloud-init in place of these two" },
    FLAG("wait", "return once it has an address, and print that"),
    FLAG("print", "print what would be made, and make nothing"),
    OPTION_END,
};

typedef struct GuestPlan {
    const char *name, *image, *network;
    PoolRef pool;
    guint64 size, memory; /* bytes; size 0: the image's */
    gint64 cpus;
    char *user_data, *meta_data; /* NULL: no seed */
    char *disk, *seed;           /* volumes' names; disk once its format is known */
    char *format;
    char *virt_type, *arch;
    char *xml;
} GuestPlan;

/* What was made, to be taken back when the rest fails. */
typedef struct GuestMade {
    GArray *volumes; /* of VolumeRef, whose texts are in the command's arena */
    DomainRef dom;
    gboolean defined;
} GuestMade;

static void
plan_done(GuestPlan *p)
{
    g_free(p->user_data);
    g_free(p->meta_data);
    g_free(p->disk);
    g_free(p->seed);
    g_free(p->format);
    g_free(p->virt_type);
    g_free(p->arch);
    g_free(p->xml);
}

/* ---- what cloud-init reads (YAML, of which JSON's strings are a part) */

static void
append_quoted(GString *text, const char *before, const char *value)
{
    json_object *quoted = json_object_new_string(value);

    g_string_append_printf(text, "%s%s\n", before,
                           json_object_to_json_string_ext(quoted, JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(quoted);
}

static gboolean
append_keys(GString *text, const char *indent, const char *path, GError **err)
{
    g_autofree char *keys = NULL, *before = g_strconcat(indent, "  - ", NULL);
    guint n = 0;

    if (!file_read(path, KEYS_MAX, &keys, NULL, err))
        return FALSE;
    g_string_append_printf(text, "%sssh_authorized_keys:\n", indent);
    for (char *line = strtok(keys, "\n"); line; line = strtok(NULL, "\n")) {
        g_strstrip(line);
        if (strstr(line, "PRIVATE KEY"))
            return refuse(err, "%s is a private key: the guest gets the public one, %s.pub", path,
                          path);
        if (!*line || *line == '#')
            continue;
        append_quoted(text, before, line);
        n++;
    }
    return n > 0 || refuse(err, "%s has no key in it", path);
}

static gboolean
write_user_data(GuestPlan *p, const Args *a, GError **err)
{
    g_autoptr(GString) text = g_string_new("#cloud-config\n");
    const char *user = args_string(a, "user"), *keys = args_string(a, "ssh-key");

    append_quoted(text, "hostname: ", p->name);
    if (user) {
        append_quoted(text, "users:\n  - name: ", user);
        g_string_append(text, "    sudo: \"ALL=(ALL) NOPASSWD:ALL\"\n    shell: /bin/bash\n"
                              "    lock_passwd: true\n");
    }
    if (keys && !append_keys(text, user ? "    " : "", keys, err))
        return FALSE;
    p->user_data = g_string_free(g_steal_pointer(&text), FALSE);
    return TRUE;
}

static gboolean
plan_seed(GuestPlan *p, const Args *a, GError **err)
{
    const char *given = args_string(a, "user-data");
    g_autoptr(GString) meta = g_string_new(NULL);
    g_autofree char *id = g_uuid_string_random();

    if (!args_exclusive(a, "user-data", "user", err) ||
        !args_exclusive(a, "user-data", "ssh-key", err))
        return FALSE;
    if (!given && !args_string(a, "user") && !args_string(a, "ssh-key"))
        return TRUE;
    if (!(given ? file_read(given, KEYS_MAX, &p->user_data, NULL, err)
                : write_user_data(p, a, err)))
        return FALSE;
    append_quoted(meta, "instance-id: ", id);
    append_quoted(meta, "local-hostname: ", p->name);
    p->meta_data = g_string_free(g_steal_pointer(&meta), FALSE);
    p->seed = g_strconcat(p->name, "-seed.iso", NULL);
    return TRUE;
}

/* The first of these that is there makes the file system of a CD; all take the same words. */
static const char *
seed_maker(GError **err)
{
    static const char *const makers[] = { "xorrisofs", "genisoimage", "mkisofs" };

    for (gsize i = 0; i < G_N_ELEMENTS(makers); i++) {
        g_autofree char *path = g_find_program_in_path(makers[i]);

        if (path)
            return makers[i];
    }
    refuse(err, "a seed for cloud-init needs xorrisofs or genisoimage, and neither is here "
                "(apt-get install xorriso)");
    return NULL;
}

static gboolean
run_maker(const char *folder, GError **err)
{
    const char *argv[] = { seed_maker(err), "-quiet", "-output",   "seed.iso",  "-volid", "cidata",
                           "-joliet",       "-rock",  "user-data", "meta-data", NULL };
    g_autofree char *errors = NULL;
    int status = 0;

    return argv[0] && tool_run(folder, argv, "makes the seed", NULL, &errors, &status, err) &&
           (status == 0 || refuse(err, "%s could not make the seed: %s", argv[0], errors));
}

static gboolean
write_in(const char *folder, const char *name, const char *text, GError **err)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);

    return file_write_volatile(path, text, -1, 0600, err);
}

/* ---- volumes */

static gboolean
make_seed(Shell *s, const GuestPlan *p, GuestMade *made, GError **err)
{
    g_autofree char *folder = NULL, *iso = NULL, *format = NULL;
    VolumeRef vol;
    gboolean ok;

    if (!p->seed)
        return TRUE;
    if (!(folder = g_dir_make_tmp("vmsh-seed-XXXXXX", NULL)))
        return refuse(err, "no temporary folder can be made");
    iso = g_build_filename(folder, "seed.iso", NULL);
    ok = write_in(folder, "user-data", p->user_data, err) &&
         write_in(folder, "meta-data", p->meta_data, err) && run_maker(folder, err) &&
         volume_import(s, &p->pool, iso, p->seed, "raw", &vol, &format, err);
    if (ok)
        g_array_append_val(made->volumes, vol);
    dir_remove(folder, NULL);
    return ok;
}

static gboolean
grow(Shell *s, const GuestPlan *p, const VolumeRef *vol, GError **err)
{
    const StorageVolGetInfoArgs ask = { .vol = *vol };
    const StorageVolResizeArgs args = { .vol = *vol, .capacity = p->size };
    StorageVolGetInfoRet info = { 0 };

    if (!p->size)
        return TRUE;
    if (!call(s, PROC_STORAGE_VOL_GET_INFO, &ask, &info, err))
        return FALSE;
    if (info.capacity > p->size)
        return refuse(err,
                      "the image has %" G_GUINT64_FORMAT " bytes, and --size makes nothing smaller",
                      info.capacity);
    return info.capacity == p->size || call(s, PROC_STORAGE_VOL_RESIZE, &args, NULL, err);
}

/* A volume whose content is that of another until it is written. */
static gboolean
make_layer(Shell *s, const GuestPlan *p, const VolumeRef *base, VolumeRef *ret_vol, GError **err)
{
    const StorageVolGetXmlDescArgs ask = { .vol = *base };
    StorageVolCreateXmlArgs args = { .pool = p->pool };
    StorageVolCreateXmlRet ret = { 0 };
    StorageVolGetXmlDescRet told = { 0 };
    g_autoptr(Doc) doc = NULL;
    g_autofree char *path = NULL, *format = NULL, *capacity = NULL, *xml = NULL;
    XmlOut x = { g_string_new(NULL), 0 };

    if (call(s, PROC_STORAGE_VOL_GET_XML_DESC, &ask, &told, err) &&
        (doc = doc_parse(told.xml, err))) {
        path = doc_text(doc, NULL, "target/path");
        format = doc_text(doc, NULL, "target/format/@type");
        capacity = doc_text(doc, NULL, "capacity");
        xml_open(&x, "volume", NULL);
        xml_text(&x, "name", p->disk, NULL);
        xml_text(&x, "capacity", capacity, NULL);
        xml_open(&x, "target", NULL);
        xml_leaf(&x, "format", "type", "qcow2", NULL);
        xml_close(&x, "target");
        xml_open(&x, "backingStore", NULL);
        xml_text(&x, "path", path, NULL);
        xml_leaf(&x, "format", "type", format ? format : "raw", NULL);
        xml_close(&x, "backingStore");
        xml_close(&x, "volume");
    }
    xml = g_string_free(x.text, FALSE);
    args.xml = xml;
    if (!*xml || !call(s, PROC_STORAGE_VOL_CREATE_XML, &args, &ret, err))
        return FALSE;
    *ret_vol = ret.vol;
    return TRUE;
}

static gboolean
is_volume(Shell *s, const GuestPlan *p, VolumeRef *ret_vol)
{
    const StorageVolLookupByNameArgs args = { .pool = p->pool, .name = p->image };
    StorageVolLookupByNameRet ret = { 0 };

    if (strchr(p->image, '/') || !call(s, PROC_STORAGE_VOL_LOOKUP_BY_NAME, &args, &ret, NULL))
        return FALSE;
    *ret_vol = ret.vol;
    return TRUE;
}

static gboolean
make_disk(Shell *s, GuestPlan *p, GuestMade *made, GError **err)
{
    VolumeRef base, vol;
    gboolean ok;

    if (is_volume(s, p, &base)) {
        p->format = g_strdup("qcow2");
        ok = make_layer(s, p, &base, &vol, err);
    } else {
        ok = volume_import(s, &p->pool, p->image, p->disk, NULL, &vol, &p->format, err);
    }
    if (ok)
        g_array_append_val(made->volumes, vol);
    return ok && grow(s, p, &vol, err);
}

/* ---- the definition */

static void
write_disk(XmlOut *x, const GuestPlan *p, const char *volume, const char *format, gboolean seed)
{
    xml_open(x, "disk", "type", "volume", "device", seed ? "cdrom" : "disk", NULL);
    xml_leaf(x, "driver", "name", "qemu", "type", format, "discard", seed ? NULL : "unmap", NULL);
    xml_leaf(x, "source", "pool", p->pool.name, "volume", volume, NULL);
    xml_leaf(x, "target", "dev", seed ? "sda" : "vda", "bus", seed ? "sata" : "virtio", NULL);
    if (seed)
        xml_leaf(x, "readonly", NULL);
    xml_close(x, "disk");
}

static void
write_net(XmlOut *x, const char *network)
{
    const char *bridge = g_str_has_prefix(network, "bridge=") ? strchr(network, '=') + 1 : NULL;
    gboolean user = strcmp(network, "user") == 0;

    xml_open(x, "interface", "type", user ? "user" : bridge ? "bridge" : "network", NULL);
    if (bridge)
        xml_leaf(x, "source", "bridge", bridge, NULL);
    else if (!user)
        xml_leaf(x, "source", "network", network, NULL);
    xml_leaf(x, "model", "type", "virtio", NULL);
    xml_close(x, "interface");
}

static void
write_devices(XmlOut *x, const GuestPlan *p)
{
    xml_open(x, "devices", NULL);
    write_disk(x, p, p->disk, p->format ? p->format : "qcow2", FALSE);
    if (p->seed)
        write_disk(x, p, p->seed, "raw", TRUE);
    write_net(x, p->network);
    xml_leaf(x, "console", "type", "pty", NULL);
    xml_open(x, "channel", "type", "unix", NULL);
    xml_leaf(x, "target", "type", "virtio", "name", "org.qemu.guest_agent.0", NULL);
    xml_close(x, "channel");
    xml_open(x, "rng", "model", "virtio", NULL);
    xml_text(x, "backend", "/dev/urandom", "model", "random", NULL);
    xml_close(x, "rng");
    xml_close(x, "devices");
}

/* Boards as cloud images expect them. */
static void
write_os(XmlOut *x, const GuestPlan *p)
{
    gboolean x86 = strcmp(p->arch, "x86_64") == 0;
    gboolean efi = strcmp(p->arch, "aarch64") == 0 || strcmp(p->arch, "riscv64") == 0;

    xml_open(x, "os", "firmware", efi ? "efi" : NULL, NULL);
    xml_text(x, "type", "hvm", "arch", p->arch, "machine", x86 ? "q35" : efi ? "virt" : NULL, NULL);
    xml_close(x, "os");
    if (x86 || efi) {
        xml_open(x, "features", NULL);
        xml_leaf(x, "acpi", NULL);
        xml_close(x, "features");
    }
}

static void
write_xml(GuestPlan *p)
{
    XmlOut x = { g_string_new(NULL), 0 };

    xml_open(&x, "domain", "type", p->virt_type, NULL);
    xml_text(&x, "name", p->name, NULL);
    xml_text(&x, "memory", xml_number(p->memory), "unit", "bytes", NULL);
    xml_text(&x, "vcpu", xml_number((guint64)p->cpus), NULL);
    write_os(&x, p);
    if (strcmp(p->virt_type, "kvm") == 0)
        xml_leaf(&x, "cpu", "mode", "host-passthrough", NULL);
    write_devices(&x, p);
    xml_close(&x, "domain");
    g_free(p->xml);
    p->xml = g_string_free(x.text, FALSE);
}

/* ---- the plan */

static gboolean
ask_host(Shell *s, GuestPlan *p, GError **err)
{
    const ConnectGetDomainCapabilitiesArgs args = { 0 };
    ConnectGetDomainCapabilitiesRet ret = { 0 };
    g_autoptr(Doc) doc = NULL;

    if (!call(s, PROC_CONNECT_GET_DOMAIN_CAPABILITIES, &args, &ret, err) ||
        !(doc = doc_parse(ret.capabilities, err)))
        return FALSE;
    p->virt_type = doc_text(doc, NULL, "domain");
    p->arch = doc_text(doc, NULL, "arch");
    return (p->virt_type && p->arch) || refuse(err, "the host does not say what it can run");
}

static gboolean
is_new(Shell *s, const char *name, GError **err)
{
    const DomainLookupByNameArgs args = { .name = name };
    DomainLookupByNameRet ret = { 0 };

    if (strchr(name, '/') || !*name)
        return refuse(err, "'%s' cannot be a guest's name", name);
    return !call(s, PROC_DOMAIN_LOOKUP_BY_NAME, &args, &ret, NULL) ||
           refuse(err, "there is a domain '%s' already", name);
}

static gboolean
plan_make(Shell *s, const Args *a, GuestPlan *p, GError **err)
{
    const char *pool = args_string(a, "pool"), *network = args_string(a, "network");
    VolumeRef base;

    p->name = args_string(a, "name");
    p->image = args_string(a, "image");
    p->network = network ? network : "default";
    p->cpus = 1;
    p->memory = 1 << 30;
    if (!args_number(a, "cpus", 1, 4096, &p->cpus, err) ||
        !args_size(a, "memory", 1, &p->memory, err) || !args_size(a, "size", 1, &p->size, err) ||
        !is_new(s, p->name, err) || !pool_lookup(s, pool ? pool : "default", &p->pool, err))
        return FALSE;
    p->disk = g_strconcat(p->name, ".qcow2", NULL);
    if (!is_volume(s, p, &base) && access(p->image, R_OK) < 0)
        return refuse(err, "'%s' is neither a file that can be read nor a volume of pool '%s'",
                      p->image, p->pool.name);
    return plan_seed(p, a, err) && ask_host(s, p, err);
}

static void
plan_print(Shell *s, GuestPlan *p)
{
    write_xml(p);
    put(s, "# volume %s of pool %s, of %s\n", p->disk, p->pool.name, p->image);
    if (p->seed)
        put(s, "# volume %s of pool %s, with user-data:\n%s# and meta-data:\n%s", p->seed,
            p->pool.name, p->user_data, p->meta_data);
    put(s, "%s", p->xml);
}

static void
take_back(Shell *s, const GuestMade *made)
{
    const DomainUndefineFlagsArgs forget = { .dom = made->dom };

    if (made->defined)
        call(s, PROC_DOMAIN_UNDEFINE_FLAGS, &forget, NULL, NULL);
    for (guint i = made->volumes->len; i-- > 0;) {
        const StorageVolDeleteArgs args = { .vol = g_array_index(made->volumes, VolumeRef, i) };

        call(s, PROC_STORAGE_VOL_DELETE, &args, NULL, NULL);
    }
}

static gboolean
make_guest(Shell *s, GuestPlan *p, GuestMade *made, GError **err)
{
    DomainDefineXmlFlagsArgs args = { 0 };
    DomainDefineXmlFlagsRet ret = { 0 };
    DomainCreateWithFlagsArgs start = { 0 };
    DomainCreateWithFlagsRet started = { 0 };

    if (!make_disk(s, p, made, err) || !make_seed(s, p, made, err))
        return FALSE;
    write_xml(p);
    args.xml = p->xml;
    if (!call(s, PROC_DOMAIN_DEFINE_XML_FLAGS, &args, &ret, err))
        return FALSE;
    made->dom = start.dom = ret.dom;
    made->defined = TRUE;
    if (!call(s, PROC_DOMAIN_CREATE_WITH_FLAGS, &start, &started, err))
        return FALSE;
    made->dom = started.dom;
    return TRUE;
}

static gboolean
run_create(Shell *s, const Args *a, GError **err)
{
    GuestPlan p = { 0 };
    GuestMade made = { .volumes = g_array_new(FALSE, FALSE, sizeof(VolumeRef)) };
    gboolean ok;

    doing(s, "Failed to create guest '%s'", args_string(a, "name"));
    ok = plan_make(s, a, &p, err);
    if (ok && args_flag(a, "print")) {
        plan_print(s, &p);
    } else if (ok) {
        ok = make_guest(s, &p, &made, err);
        if (!ok)
            take_back(s, &made);
        else
            remark(s, "Guest '%s' was made and started\n", p.name);
        if (ok && args_flag(a, "wait"))
            ok = domain_wait(s, &made.dom, "address", 0, err);
    }
    g_array_unref(made.volumes);
    plan_done(&p);
    return ok;
}

const Command guest_commands[] = {
    { "create-guest", "make and start a guest from few words",
      "Makes a guest of an image: its disk is a copy of an image file of this host, or a layer over a "
      "volume of the pool. With --user and --ssh-key, or --user-data, it gets a second volume that "
      "tells cloud-init of them. Where a step fails, nothing is left. --print shows the volumes and "
      "the XML, and makes nothing.",
      create_options, run_create },
    { 0 },
};
