/* adopt: what a libvirt host has defined becomes vmd's. libvirt's files are read and stay as they
 * are; what they say goes to the daemon by the calls that everybody uses. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "vmsh/named.h"

#define FILE_MAX (8 << 20)

/* What libvirt has in files, and where. */
typedef struct AdoptFrom {
    const char *etc, *state, *run;
    gboolean apply;
} AdoptFrom;

typedef enum AdoptState { ADOPT_LEFT, ADOPT_HERE, ADOPT_TO_TAKE, ADOPT_TAKEN, N_ADOPT } AdoptState;
static const char *const state_words[] = { "left", "is here", "to take", "taken" };

/* One document of libvirt's. */
typedef struct Adoption {
    const AdoptFrom *from;
    char *xml;
    Doc *doc;
    char *name; /* of a secret: its UUID */
    guint8 uuid[UUID_LEN];
    gboolean has_uuid;
    gboolean autostart;
    GString *remarks;
    NamedRef there; /* here, under that UUID or name; name NULL: nothing is */
} Adoption;

typedef struct AdoptKind {
    const char *word;   /* "network": also the root of its documents */
    const char *folder; /* below etc */
    const char *name_path;
    gboolean named_alone; /* a name is enough to be the same: it is looked up by that in all uses */
    gboolean runs;        /* libvirtd may run it as well */
    gint32 by_uuid, by_name, define; /* procedures; by_name 0: it has none */
    /* What keeps it from being taken, or from being the same here; may be NULL. */
    gboolean (*look)(Shell *s, Adoption *d, GError **err);
    gboolean (*autostart)(Shell *s, const Adoption *d, GError **err); /* NULL: has none */
    gboolean (*settle)(Shell *s, Adoption *d, GError **err); /* once defined; may be NULL */
} AdoptKind;

/* What the answers to these calls begin with; all but those about secrets name a thing first. */
typedef union AdoptAnswer {
    NamedRef named;
    DomainRef dom;
    NetworkRef net;
    PoolRef pool;
    NwfilterRef filter;
    StoredSecretRef secret;
} AdoptAnswer;

/* And what they are asked with. */
typedef struct AdoptDefine {
    const char *xml;
    guint32 flags;
} AdoptDefine;

G_STATIC_ASSERT(sizeof(AdoptDefine) == sizeof(DomainDefineXmlFlagsArgs));
G_STATIC_ASSERT(sizeof(AdoptDefine) == sizeof(NwfilterDefineXmlFlagsArgs));
G_STATIC_ASSERT(sizeof(AdoptDefine) == sizeof(SecretDefineXmlArgs));
G_STATIC_ASSERT(offsetof(DomainRef, uuid) == offsetof(NamedRef, uuid));
G_STATIC_ASSERT(offsetof(NwfilterRef, uuid) == offsetof(NamedRef, uuid));

static void
adoption_done(Adoption *d)
{
    g_free(d->xml);
    doc_free(d->doc);
    g_free(d->name);
    g_string_free(d->remarks, TRUE);
}

static void G_GNUC_PRINTF(2, 3) note(Adoption *d, const char *fmt, ...)
{
    va_list ap;

    if (d->remarks->len)
        g_string_append(d->remarks, "; ");
    va_start(ap, fmt);
    g_string_append_vprintf(d->remarks, fmt, ap);
    va_end(ap);
}

/* ---- what each kind looks at */

static char *
path_of(const char *folder, const char *below, const char *name, const char *suffix)
{
    g_autofree char *file = g_strconcat(name, suffix, NULL);

    return g_build_filename(folder, below, file, NULL);
}

/* Its pid file names a process that lives. */
static gboolean
runs(const Adoption *d)
{
    g_autofree char *path = path_of(d->from->run, "qemu", d->name, ".pid");
    g_autofree char *text = NULL;
    long pid = file_read(path, 64, &text, NULL, NULL) ? strtol(text, NULL, 10) : 0;

    return pid > 1 && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

static guint
count_files(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    guint n = 0;

    for (const char *name; dir && (name = g_dir_read_name(dir));)
        n += g_str_has_suffix(name, ".xml");
    return n;
}

static void
note_kept_elsewhere(Adoption *d)
{
    static const struct {
        const char *folder, *what;
    } rows[] = { { "snapshot", "snapshots" }, { "checkpoint", "checkpoints" } };
    g_autofree char *tpm = doc_text(d->doc, NULL, "devices/tpm/backend[@type='emulator']/@type");
    char uuid[UUID_TEXT_LEN];
    g_autofree char *state = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *folder = g_build_filename(d->from->state, "qemu", rows[i].folder, d->name,
                                                   NULL);
        guint n = count_files(folder);

        if (n > 0)
            note(d, "%u %s stay in %s, for vmd keeps none yet", n, rows[i].what, folder);
    }
    uuid_format(d->uuid, uuid);
    state = g_build_filename(d->from->state, "swtpm", uuid, NULL);
    if (tpm && g_file_test(state, G_FILE_TEST_IS_DIR))
        note(d, "its TPM begins anew; what libvirt's has sealed is in %s", state);
}

/* A saved state goes with its disks as they are: whoever starts the domain without it loses it. */
static gboolean
look_at_domain(Shell *s, Adoption *d, GError **err)
{
    const ConnectDomainXmlToNativeArgs args = { .native_format = "qemu-argv",
                                                .domain_xml = d->xml };
    g_autofree char *saved = path_of(d->from->state, "qemu/save", d->name, ".save");
    ConnectDomainXmlToNativeRet ret;

    if (runs(d))
        return refuse(err, "runs under libvirtd; shut it down there first (virsh shutdown %s)",
                      d->name);
    if (g_file_test(saved, G_FILE_TEST_EXISTS))
        return refuse(err,
                      "its memory is saved in %s; start it under libvirtd, or drop that (virsh "
                      "managedsave-remove %s)",
                      saved, d->name);
    if (!d->there.name && !call(s, PROC_CONNECT_DOMAIN_XML_TO_NATIVE, &args, &ret, err))
        return FALSE;
    note_kept_elsewhere(d);
    return TRUE;
}

static gboolean
look_at_network(Shell *s, Adoption *d, GError **err)
{
    g_autofree char *live = path_of(d->from->run, "network", d->name, ".xml");

    if (g_file_test(live, G_FILE_TEST_EXISTS))
        return refuse(err, "is active under libvirtd; stop it there first (virsh net-destroy %s)",
                      d->name);
    return TRUE;
}

/* The rules and references of a filter, as they stand. */
static char *
filter_text(Doc *doc)
{
    static const char *const parts[] = { "filterref", "rule" };
    GString *text = g_string_new(NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autoptr(GPtrArray) nodes = doc_nodes(doc, NULL, parts[i]);

        for (guint n = 0; n < nodes->len; n++) {
            g_autofree char *xml = node_xml(doc, nodes->pdata[n], parts[i]);

            g_string_append(text, xml);
        }
    }
    return g_string_free(text, FALSE);
}

/* The stock filters are here from the beginning, with UUIDs of this host's. */
static gboolean
look_at_filter(Shell *s, Adoption *d, GError **err)
{
    NwfilterGetXmlDescArgs args = { 0 };
    NwfilterGetXmlDescRet ret = { 0 };
    g_autoptr(Doc) here = NULL;
    g_autofree char *theirs = NULL, *ours = NULL;

    if (!d->there.name)
        return TRUE;
    memcpy(&args.nwfilter, &d->there, sizeof d->there);
    if (!call(s, PROC_NWFILTER_GET_XML_DESC, &args, &ret, err) || !(here = doc_parse(ret.xml, err)))
        return FALSE;
    theirs = filter_text(d->doc);
    ours = filter_text(here);
    if (strcmp(theirs, ours) != 0)
        note(d, "its rules differ from those here, which stay");
    return TRUE;
}

/* ---- what follows a definition */

static gboolean
autostart_domain(Shell *s, const Adoption *d, GError **err)
{
    DomainSetAutostartArgs args = { .autostart = 1 };

    memcpy(&args.dom, &d->there, sizeof d->there);
    args.dom.id = -1;
    return call(s, PROC_DOMAIN_SET_AUTOSTART, &args, NULL, err);
}

static gboolean
autostart_network(Shell *s, const Adoption *d, GError **err)
{
    NetworkSetAutostartArgs args = { .autostart = 1 };

    memcpy(&args.net, &d->there, sizeof d->there);
    return call(s, PROC_NETWORK_SET_AUTOSTART, &args, NULL, err);
}

static gboolean
autostart_pool(Shell *s, const Adoption *d, GError **err)
{
    StoragePoolSetAutostartArgs args = { .autostart = 1 };

    memcpy(&args.pool, &d->there, sizeof d->there);
    return call(s, PROC_STORAGE_POOL_SET_AUTOSTART, &args, NULL, err);
}

/* libvirt keeps a value beside its definition. */
static gboolean
secret_value(Shell *s, Adoption *d, GError **err)
{
    g_autofree char *path = path_of(d->from->etc, "secrets", d->name, ".base64");
    SecretSetValueArgs args = { 0 };
    g_autofree char *text = NULL;
    g_autofree guchar *value = NULL;
    gsize len;
    gboolean ok;

    if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
        note(d, "has no value");
        return TRUE;
    }
    if (!d->from->apply) {
        note(d, "with its value");
        return TRUE;
    }
    if (!file_read(path, 1 << 20, &text, NULL, err))
        return FALSE;
    value = g_base64_decode(text, &len);
    memcpy(args.secret.uuid, d->uuid, UUID_LEN);
    args.value.v = value;
    args.value.n = len;
    ok = call(s, PROC_SECRET_SET_VALUE, &args, NULL, err);
    explicit_bzero(text, strlen(text));
    explicit_bzero(value, len);
    if (ok)
        note(d, "with its value");
    return ok;
}

/* In this order: what a domain names is there before it. */
static const AdoptKind adopt_kinds[] = {
    { "filter", "nwfilter", "@name", TRUE, FALSE, PROC_NWFILTER_LOOKUP_BY_UUID,
      PROC_NWFILTER_LOOKUP_BY_NAME, PROC_NWFILTER_DEFINE_XML_FLAGS, look_at_filter, NULL, NULL },
    { "secret", "secrets", "uuid", FALSE, FALSE, PROC_SECRET_LOOKUP_BY_UUID, 0,
      PROC_SECRET_DEFINE_XML, NULL, NULL, secret_value },
    { "network", "qemu/networks", "name", FALSE, FALSE, PROC_NETWORK_LOOKUP_BY_UUID,
      PROC_NETWORK_LOOKUP_BY_NAME, PROC_NETWORK_DEFINE_XML_FLAGS, look_at_network,
      autostart_network, NULL },
    { "pool", "storage", "name", FALSE, FALSE, PROC_STORAGE_POOL_LOOKUP_BY_UUID,
      PROC_STORAGE_POOL_LOOKUP_BY_NAME, PROC_STORAGE_POOL_DEFINE_XML, NULL, autostart_pool, NULL },
    { "domain", "qemu", "name", FALSE, TRUE, PROC_DOMAIN_LOOKUP_BY_UUID, PROC_DOMAIN_LOOKUP_BY_NAME,
      PROC_DOMAIN_DEFINE_XML_FLAGS, look_at_domain, autostart_domain, NULL },
};

/* ---- one document */

static gboolean
read_document(const AdoptKind *k, Adoption *d, const char *path, GError **err)
{
    g_autofree char *path_of_root = g_strconcat("/", k->word, NULL);
    g_autofree char *uuid = NULL;
    g_autoptr(GPtrArray) root = NULL;

    if (!file_read(path, FILE_MAX, &d->xml, NULL, err) || !(d->doc = doc_parse(d->xml, err)))
        return FALSE;
    root = doc_nodes(d->doc, NULL, path_of_root);
    if (root->len == 0)
        return refuse(err, "this is no document of a %s", k->word);
    d->name = doc_text(d->doc, NULL, k->name_path);
    uuid = doc_text(d->doc, NULL, "uuid");
    d->has_uuid = uuid && uuid_parse(g_strstrip(uuid), d->uuid);
    return d->name || refuse(err, "it has no name");
}

/* What is here under its UUID, else under its name. */
static gboolean
find_here(Shell *s, const AdoptKind *k, Adoption *d, GError **err)
{
    AdoptAnswer ret = { 0 };
    gboolean found = d->has_uuid && call(s, k->by_uuid, d->uuid, &ret, NULL);

    if (!k->by_name) {
        if (found)
            d->there.name = d->name;
        return TRUE;
    }
    if (!found && !call(s, k->by_name, &d->name, &ret, NULL))
        return TRUE;
    d->there = ret.named;
    if (strcmp(d->there.name, d->name) != 0)
        return refuse(err, "its UUID is that of %s '%s' here", k->word, d->there.name);
    if (!found && d->has_uuid && !k->named_alone)
        return refuse(err, "another %s of that name is here; rename or undefine one of them",
                      k->word);
    return TRUE;
}

static gboolean
define_here(Shell *s, const AdoptKind *k, Adoption *d, GError **err)
{
    const AdoptDefine args = { .xml = d->xml };
    AdoptAnswer ret = { 0 };

    if (!d->from->apply)
        return !k->settle || k->settle(s, d, err);
    if (!call(s, k->define, &args, &ret, err))
        return FALSE;
    if (k->by_name)
        d->there = ret.named;
    return (!k->settle || k->settle(s, d, err)) && (!d->autostart || k->autostart(s, d, err));
}

static AdoptState
adopt_one(Shell *s, const AdoptKind *k, Adoption *d, const char *path)
{
    g_autoptr(GError) err = NULL;
    gboolean ok = read_document(k, d, path, &err) && find_here(s, k, d, &err) &&
                  (!k->look || k->look(s, d, &err));
    gboolean there = d->there.name != NULL;

    if (ok && d->autostart && !there)
        note(d, "autostart");
    if (ok && (there || define_here(s, k, d, &err)))
        return there ? ADOPT_HERE : d->from->apply ? ADOPT_TAKEN : ADOPT_TO_TAKE;
    g_string_truncate(d->remarks, 0);
    note(d, "%s", err->message);
    return ADOPT_LEFT;
}

/* What came of all documents. */
typedef struct AdoptResult {
    Table *table;
    guint of[N_ADOPT];
    guint guests; /* taken, of those that libvirtd may run as well */
} AdoptResult;

static void
adopt_file(Shell *s, const AdoptKind *k, const AdoptFrom *from, const char *folder,
           const char *file, AdoptResult *result)
{
    g_autofree char *path = g_build_filename(folder, file, NULL);
    g_autofree char *mark = g_build_filename(folder, "autostart", file, NULL);
    g_autofree char *stem = g_strndup(file, strlen(file) - strlen(".xml"));
    Adoption d = { .from = from,
                   .autostart = k->autostart && g_file_test(mark, G_FILE_TEST_EXISTS),
                   .remarks = g_string_new(NULL) };
    AdoptState state = adopt_one(s, k, &d, path);

    result->of[state]++;
    result->guests += k->runs && state == ADOPT_TAKEN;
    table_add(result->table, k->word, d.name ? d.name : stem, state_words[state],
              d.remarks->len ? d.remarks->str : NULL);
    adoption_done(&d);
}

static int
by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
adopt_kind(Shell *s, const AdoptKind *k, const AdoptFrom *from, AdoptResult *result)
{
    g_autofree char *folder = g_build_filename(from->etc, k->folder, NULL);
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);

    for (const char *name; dir && (name = g_dir_read_name(dir));)
        if (g_str_has_suffix(name, ".xml"))
            g_ptr_array_add(files, g_strdup(name));
    g_ptr_array_sort(files, by_name);
    for (guint i = 0; i < files->len; i++)
        adopt_file(s, k, from, folder, files->pdata[i], result);
}

/* ---- the command */

static const Option adopt_options[] = {
    FLAG("apply", "do it; without this nothing is changed"),
    { "etc", OPTION_STRING, OPTION_NAMED, NULL, "libvirt's definitions (default: /etc/libvirt)" },
    { "state", OPTION_STRING, OPTION_NAMED, NULL, "its state (default: /var/lib/libvirt)" },
    { "run", OPTION_STRING, OPTION_NAMED, NULL, "its runtime files (default: /run/libvirt)" },
    OPTION_END,
};

static const char *
folder_or(const Args *a, const char *option, const char *fallback)
{
    const char *given = args_string(a, option);

    return given ? given : fallback;
}

static gboolean
run_adopt(Shell *s, const Args *a, GError **err)
{
    static const Column columns[] = { { "Kind", "kind", COLUMN_TEXT },
                                      { "Name", "name", COLUMN_TEXT },
                                      { "State", "state", COLUMN_TEXT },
                                      { "Remarks", "remarks", COLUMN_TEXT } };
    const AdoptFrom from = { .etc = folder_or(a, "etc", "/etc/libvirt"),
                             .state = folder_or(a, "state", "/var/lib/libvirt"),
                             .run = folder_or(a, "run", "/run/libvirt"),
                             .apply = args_flag(a, "apply") };
    g_autoptr(Table) t = table_new(columns, G_N_ELEMENTS(columns));
    AdoptResult result = { .table = t };
    g_autoptr(GDir) dir = NULL;
    g_autoptr(GError) why = NULL;

    if (!(dir = g_dir_open(from.etc, 0, &why)))
        return refuse(err, "libvirt's definitions are not there: %s", why->message);
    for (gsize i = 0; i < G_N_ELEMENTS(adopt_kinds); i++)
        adopt_kind(s, &adopt_kinds[i], &from, &result);
    table_print(s, t);
    if (result.of[ADOPT_TO_TAKE] > 0)
        remark(s, "Nothing was changed; 'vmsh adopt --apply' takes these.\n");
    if (result.guests > 0)
        remark(s, "libvirt's files are as they were: disable libvirtd (systemctl disable --now "
                  "libvirtd libvirtd.socket), so that no domain is started by both.\n");
    s->silent_failure = result.of[ADOPT_LEFT] > 0;
    return result.of[ADOPT_LEFT] == 0;
}

const Command adopt_commands[] = {
    { "adopt", "take over what a libvirt host has defined",
      "Reads the definitions of libvirt's filters, secrets (with their values), networks, pools and "
      "domains, with their marks of autostart, and defines them here. Without --apply it says what "
      "it would do and changes nothing. What is here already stays as it is, and what cannot be "
      "taken is told with its reason: a domain that runs under libvirtd, one whose memory is saved, "
      "a network that is active there, a name that something else has here. libvirt's files stay as "
      "they are.",
      adopt_options, run_adopt, COMMAND_JSON },
    { 0 },
};
