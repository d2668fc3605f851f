/* What a definition may say and nothing here acts on yet. It can be defined, and is kept and shown;
 * a start with it would run another machine than the one that is described, with less isolation,
 * other limits or other data, so it is refused by name and line. A row goes when its matter is
 * acted on.
 *
 * tests/house/acted.py holds these rows against what the code reads of a definition.
 */
#include <string.h>
#include <unistd.h>

#include "host/host.h"
#include "life.h"

typedef struct Refusal {
    const char *path; /* of schema_walk, without the numbers in it; without "/" in front: its end */
    guint offset;     /* of the member, in the struct that has the row of that path */
    /* at: that struct. NULL: whenever it is there. */
    gboolean (*when)(const DomainDef *def, gconstpointer at);
    const char *why; /* and, where there is one, what to do instead */
} Refusal;

/* ---- when */

static gboolean
is_raw_io(const DomainDef *def, gconstpointer at)
{
    return ((const DiskDef *)at)->rawio == YES;
}

static gboolean
is_raw_io_of_host(const DomainDef *def, gconstpointer at)
{
    return ((const HostdevDef *)at)->rawio == YES;
}

static gboolean
is_tls(const DomainDef *def, gconstpointer at)
{
    return ((const NetworkSource *)at)->tls == YES;
}

static gboolean
is_librbd(const DomainDef *def, gconstpointer at)
{
    return ((const EncryptionDef *)at)->engine == ENGINE_LIBRBD;
}

static gboolean
is_detached(const DomainDef *def, gconstpointer at)
{
    return ((const NvmeSource *)at)->managed != NO;
}

static gboolean
is_detached_pci(const DomainDef *def, gconstpointer at)
{
    const HostdevDef *h = at;

    return h->managed == YES && h->source.type == HOSTDEV_PCI;
}

static gboolean
is_other_format(const DomainDef *def, gconstpointer at)
{
    const NvramDef *n = at;

    return n->template && n->template_format != (n->format ? n->format : FORMAT_RAW);
}

static gboolean
is_no_link(const DomainDef *def, gconstpointer at)
{
    static const guint64 links = BIT(NET_USER) | BIT(NET_ETHERNET) | BIT(NET_SERVER) |
                                 BIT(NET_CLIENT) | BIT(NET_MCAST) | BIT(NET_UDP) | BIT(NET_BRIDGE) |
                                 BIT(NET_NETWORK) | BIT(NET_VHOST_USER) | BIT(NET_VDPA);
    const NetDef *net = at;

    return !(links & BIT(net->source.net_type)) ||
           (net->source.net_type == NET_VHOST_USER && net_has_passt(net));
}

static gboolean
is_no_tap(const DomainDef *def, gconstpointer at)
{
    return !link_is_tap(at);
}

static gboolean
is_promised(const DomainDef *def, gconstpointer at)
{
    return ((const BandwidthRate *)at)->floor > 0;
}

static gboolean
is_other_tun(const DomainDef *def, gconstpointer at)
{
    return strcmp(((const NetBackend *)at)->tap, "/dev/net/tun") != 0;
}

static gboolean
is_other_vhost(const DomainDef *def, gconstpointer at)
{
    return strcmp(((const NetBackend *)at)->vhost, "/dev/vhost-net") != 0;
}

static gboolean
is_secure_by_default(const DomainDef *def, gconstpointer at)
{
    return ((const GraphicsDef *)at)->spice.default_mode == SPICE_SECURE;
}

static gboolean
is_secure(const DomainDef *def, gconstpointer at)
{
    return ((const SpiceChannel *)at)->mode == SPICE_SECURE;
}

static gboolean
is_counted(const DomainDef *def, gconstpointer at)
{
    return ((const PerfEvent *)at)->enabled == YES;
}

static gboolean
is_not_ours(const DomainDef *def, gconstpointer at)
{
    return strcmp(((const ResourceDef *)at)->partition, "/machine") != 0;
}

static gboolean
is_placed(const DomainDef *def, gconstpointer at)
{
    return ((const DomainDef *)at)->vcpu_placement == PLACEMENT_AUTO;
}

static gboolean
is_placed_memory(const DomainDef *def, gconstpointer at)
{
    return ((const NumatuneDef *)at)->placement == PLACEMENT_AUTO;
}

static gboolean
is_restricted_cell(const DomainDef *def, gconstpointer at)
{
    return ((const NumaMemnode *)at)->mode == NUMA_RESTRICTIVE;
}

static gboolean
is_no_zone(const DomainDef *def, gconstpointer at)
{
    g_autofree char *rules = zone_rules(((const ClockDef *)at)->timezone, NULL);

    return !rules;
}

/* QEMU begins with the first ones. */
static gboolean
are_not_the_first(const DomainDef *def, gconstpointer at)
{
    guint plugged = def->vcpus_current ? def->vcpus_current : def->vcpus;

    for (guint i = 0; i < list_length(def->vcpu_slots); i++) {
        const VcpuSlot *slot = def->vcpu_slots->pdata[i];
        if ((slot->enabled == YES) != (slot->id < plugged))
            return TRUE;
    }
    return FALSE;
}

static gboolean
is_confined(const DomainDef *def, gconstpointer at)
{
    const SeclabelDef *label = at;

    return label->type != SECLABEL_NONE && strcmp(label->model, "dac") != 0;
}

/* ---- what */

#define REFUSED(T, member, path, when, why)                                                        \
    {                                                                                              \
        path, G_STRUCT_OFFSET(T, member), when, why                                                \
    }

#define NO_LABELS "vmd gives QEMU no label of SELinux or AppArmor yet; 'none' asks for none"
#define NO_NETWORK                                                                                 \
    "such an interface cannot be started yet, 'network', 'bridge', 'ethernet' and 'user' can"
#define NO_SWTPM     "vmd does not pass this to the TPM's emulator yet"
#define NO_VIRTIOFSD "vmd starts no virtiofsd; give this setting to the one that you start"
#define NO_SCRIPT                                                                                  \
    "vmd runs no scripts for interfaces; set the link up yourself, target managed='no'"
#define NO_SSH_KEY   "QEMU logs in with the keys of its own user only"
#define NO_SPICE_TLS "vmd sets no TLS up for SPICE, so nothing would be encrypted"
#define NO_ADDRESSES "vmd sets no addresses and routes on the host's end of a link yet"
#define NO_UNBIND                                                                                  \
    "vmd takes no device from its driver yet; bind it to vfio-pci and write managed='no'"

static const Refusal refusals[] = {
    REFUSED(EncryptionDef, engine, "encryption/@engine", is_librbd,
            "vmd has QEMU decrypt images, not librbd"),
    REFUSED(DiskSource, fdgroup, "source/@fdgroup", NULL, "vmd takes no descriptors of images"),
    REFUSED(NvmeSource, ns, "source/@namespace", is_detached, NO_UNBIND),
    REFUSED(NetworkSource, tls, "source/@tls", is_tls,
            "vmd sets no TLS up for disks, so nothing would be encrypted"),
    REFUSED(NetworkSource, cookies, "source/cookies/cookie", NULL,
            "cookies cannot be handed to QEMU without showing them"),
    REFUSED(NetworkSource, keyfile, "source/identity/@keyfile", NULL, NO_SSH_KEY),
    REFUSED(NetworkSource, agentsock, "source/identity/@agentsock", NULL, NO_SSH_KEY),
    REFUSED(NetworkSource, known_hosts, "source/knownHosts/@path", NULL,
            "QEMU reads the known hosts of its own user only"),
    REFUSED(SeclabelDef, label, "source/seclabel/label", NULL,
            "vmd relabels no files: it opens them for QEMU; relabel='no' asks for that"),
    REFUSED(DiskDef, rawio, "disk/@rawio", is_raw_io, "QEMU is not given that capability"),
    REFUSED(HostdevDef, rawio, "hostdev/@rawio", is_raw_io_of_host,
            "QEMU is not given that capability"),
    REFUSED(HostdevDef, managed, "hostdev/@managed", is_detached_pci, NO_UNBIND),
    REFUSED(HostdevDef, driver_model, "hostdev/driver/@model", NULL, NO_UNBIND),

    REFUSED(NetDef, source.net_type, "interface/@type", is_no_link, NO_NETWORK),
    REFUSED(NetDef, vlan, "interface/vlan", NULL,
            "vmd sets no VLAN yet, so the guest would be in the untagged network"),
    REFUSED(NetDef, vport, "interface/virtualport", NULL,
            "vmd sets up no switch ports yet; a plain bridge of Linux needs none"),
    REFUSED(NetDef, bandwidth, "interface/bandwidth", is_no_tap,
            "only interfaces with a tap are limited: 'network', 'bridge' and 'ethernet'"),
    REFUSED(BandwidthRate, floor, "bandwidth/inbound/@floor", is_promised,
            "vmd does not divide a network's speed between its interfaces yet"),
    REFUSED(NetDef, script, "interface/script/@path", NULL, NO_SCRIPT),
    REFUSED(NetDef, downscript, "interface/downscript/@path", NULL, NO_SCRIPT),
    REFUSED(NetSource, ips, "source/ip", NULL, NO_ADDRESSES),
    REFUSED(NetSource, routes, "source/route", NULL, NO_ADDRESSES),
    REFUSED(NetBackend, tap, "interface/backend/@tap", is_other_tun,
            "taps are made by /dev/net/tun"),
    REFUSED(NetBackend, vhost, "interface/backend/@vhost", is_other_vhost,
            "packets are moved by /dev/vhost-net"),

    REFUSED(TpmDef, encryption, "backend/encryption/@secret", NULL,
            "vmd gives swtpm no secrets yet, so the TPM's state would not be encrypted"),
    REFUSED(TpmDef, profile, "backend/profile", NULL, NO_SWTPM),
    REFUSED(TpmDef, pcr_banks, "backend/active_pcr_banks", NULL, NO_SWTPM),

    REFUSED(FsDef, binary, "filesystem/binary/@path", NULL, NO_VIRTIOFSD),
    REFUSED(FsDef, xattr, "filesystem/binary/@xattr", NULL, NO_VIRTIOFSD),
    REFUSED(FsDef, cache, "filesystem/binary/cache/@mode", NULL, NO_VIRTIOFSD),
    REFUSED(FsDef, sandbox, "filesystem/binary/sandbox/@mode", NULL, NO_VIRTIOFSD),
    REFUSED(FsDef, posix_lock, "filesystem/binary/lock/@posix", NULL, NO_VIRTIOFSD),
    REFUSED(FsDef, flock, "filesystem/binary/lock/@flock", NULL, NO_VIRTIOFSD),
    REFUSED(FsDef, thread_pool, "filesystem/binary/thread_pool/@size", NULL, NO_VIRTIOFSD),
    REFUSED(FsDef, openfiles, "filesystem/binary/openfiles/@max", NULL, NO_VIRTIOFSD),
    REFUSED(FsDef, uids, "filesystem/idmap/uid", NULL, NO_VIRTIOFSD),

    REFUSED(GraphicsDef, spice.default_mode, "graphics/@defaultMode", is_secure_by_default,
            NO_SPICE_TLS),
    REFUSED(SpiceChannel, mode, "graphics/channel/@mode", is_secure, NO_SPICE_TLS),
    REFUSED(Devices, leases, "devices/lease", NULL,
            "vmd has no lock manager, so another host could run this domain too"),

    REFUSED(CputuneDef, cachetunes, "/cputune/cachetune", NULL,
            "vmd does not divide the host's caches yet"),
    REFUSED(CputuneDef, memorytunes, "/cputune/memorytune", NULL,
            "vmd does not divide the host's memory bandwidth yet"),
    REFUSED(ResourceDef, partition, "/resource/partition", is_not_ours,
            "guests are in '/machine', systemd's machine.slice"),
    REFUSED(ResourceDef, appid, "/resource/fibrechannel/@appid", NULL,
            "vmd tags no I/O of Fibre Channel"),
    REFUSED(NumaMemnode, mode, "/numatune/memnode/@mode", is_restricted_cell,
            "a group of the kernel's restricts all of a guest's memory, not a cell's"),
    REFUSED(NumatuneDef, placement, "/numatune/memory/@placement", is_placed_memory,
            "vmd does not ask numad; name the nodes"),
    REFUSED(DomainDef, vcpu_placement, "/vcpu/@placement", is_placed,
            "vmd does not ask numad; name the processors"),
    REFUSED(DomainDef, vcpu_slots, "/vcpus/vcpu", are_not_the_first,
            "a guest starts with its first vcpus; enable those"),
    REFUSED(ClockDef, timezone, "/clock/@timezone", is_no_zone,
            "this host has no such zone in /usr/share/zoneinfo"),
    REFUSED(CpuDef, deprecated_features, "/cpu/@deprecated_features", NULL,
            "vmd does not know which features are deprecated"),
    REFUSED(PerfEvent, enabled, "/perf/event/@enabled", is_counted,
            "vmd counts no performance events yet"),
    REFUSED(DomainDef, idmap, "/idmap", NULL, "QEMU runs in no user namespace"),
    REFUSED(SeclabelDef, model, "/seclabel/@model", is_confined, NO_LABELS),
    REFUSED(SeclabelDef, baselabel, "/seclabel/baselabel", NULL, NO_LABELS),
    REFUSED(DomainDef, launch_security, "/launchSecurity", NULL,
            "vmd does not encrypt a guest's memory yet, so the host could read it"),
    REFUSED(NvramDef, template_format, "nvram/@templateFormat", is_other_format,
            "a template is copied, not converted; name one of the format of the copy"),
    REFUSED(OsDef, useserial, "bios/@useserial", NULL,
            "vmd does not direct the firmware's output to a serial port"),
    REFUSED(QemuNamespace, caps_add, "qemu:capabilities/qemu:add", NULL,
            "vmd does not know QEMU's capabilities by these names"),
    REFUSED(QemuNamespace, caps_del, "qemu:capabilities/qemu:del", NULL,
            "vmd does not know QEMU's capabilities by these names"),
};

/* ---- looking */

typedef struct RefusalLook {
    const DomainDef *def;
    const Refusal *row; /* found */
    char *path;
} RefusalLook;

static void
look_done(RefusalLook *l)
{
    g_free(l->path);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RefusalLook, look_done)

/* "devices/disk[1]/source" is "devices/disk/source" to a row, and ends in "disk/source". */
static gboolean
path_is(const char *path, const char *wanted)
{
    g_autoptr(GString) bare = g_string_new("/");

    for (const char *p = path; *p; p++) {
        if (*p == '[')
            p = strchr(p, ']');
        else
            g_string_append_c(bare, *p);
    }
    if (*wanted != '/')
        return g_str_has_suffix(bare->str, wanted) &&
               bare->str[bare->len - strlen(wanted) - 1] == '/';
    return strcmp(bare->str, wanted) == 0;
}

static gboolean
look_at(const char *path, const Schema *s, const Field *f, gconstpointer at, gpointer user)
{
    RefusalLook *l = user;

    for (gsize i = 0; i < G_N_ELEMENTS(refusals); i++) {
        const Refusal *row = &refusals[i];

        if (row->offset != f->offset || !path_is(path, row->path) ||
            (row->when && !row->when(l->def, at)))
            continue;
        l->row = row;
        l->path = g_strdup(path);
        return FALSE;
    }
    return TRUE;
}

static gboolean
is_refused(const DomainDef *def, RefusalLook *l)
{
    l->def = def;
    return !schema_walk(&domain_schema, def, look_at, l);
}

/* The line in the client's document if it has the same setting; else in the document of dumpxml,
 * which has more lines. */
static glong
line_of(const RefusalLook *l, const char *written)
{
    g_autoptr(GPtrArray) unknown = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(DomainDef) bare = NULL;
    g_autofree char *shown = NULL;
    g_auto(RefusalLook) own = { 0 };

    if (written)
        bare = domain_parse_noting(written, -1, DEF_BARE, emulator_context(), unknown, NULL);
    if (bare && is_refused(bare, &own) && own.row == l->row)
        return xml_line(written, own.path);
    shown = domain_format(l->def, 0);
    return xml_line(shown, l->path);
}

/* "attribute 'isolated' in 'port'" of "devices/interface[0]/port/@isolated". */
static char *
name_of(const char *path)
{
    g_auto(GStrv) steps = g_strsplit(path, "/", -1);
    guint n = g_strv_length(steps);
    const char *last = steps[n - 1];
    gboolean attr = last[0] == '@';

    for (guint i = 0; i < n; i++)
        steps[i][strcspn(steps[i], "[")] = '\0';
    return g_strdup_printf("%s '%s' in '%s'", attr ? "attribute" : "element", last + attr,
                           n > 1 ? steps[n - 2] : "domain");
}

gboolean
refused_check(const DomainDef *def, const char *written, GError **err)
{
    g_auto(RefusalLook) l = { 0 };
    g_autofree char *name = NULL;

    if (!is_refused(def, &l))
        return TRUE;
    name = name_of(l.path);
    return fail(err, ERR_CONFIG_UNSUPPORTED, "%s: %s (line %ld)", name, l.row->why,
                line_of(&l, written));
}

void
qemu_list_refused(QemuRefused each, gpointer user)
{
    for (gsize i = 0; i < G_N_ELEMENTS(refusals); i++)
        each(refusals[i].path, refusals[i].why, user);
}
