/* Rules of the domain as a whole: identity, memory, features, clock, lifecycle, the small ones. */
#include "check.h"

#include <stdio.h>
#include <string.h>

/* ---- identity */

static gboolean
check_virt_type(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    gboolean can = def->virt_type == VIRT_KVM ? caps->kvm : def->virt_type == VIRT_QEMU;

    if (can)
        return TRUE;
    if (def->virt_type == VIRT_KVM)
        return fail(
            err, ERR_CONFIG_UNSUPPORTED,
            "domain type 'kvm': emulator '%s' cannot do it on this host: is /dev/kvm there, "
            "and its group yours? Or write type='qemu'",
            caps->path);
    return fail(err, ERR_CONFIG_UNSUPPORTED,
                "domain type '%s': emulator '%s' cannot do it on this host; write 'qemu' or 'kvm'",
                word_of(virt_types, def->virt_type), caps->path);
}

static gboolean
check_os_type(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    if (def->bootloader || def->bootloader_args)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "bootloader '%s': QEMU takes none, use <os>",
                    def->bootloader ? def->bootloader : def->bootloader_args);
    if (g_strcmp0(def->os.machine, "none") == 0)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "os: machine 'none' runs no guest");
    if (!arch_runs(caps->arch, def->os.arch))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "os: architecture '%s', emulator '%s' has '%s'",
                    def->os.arch, caps->path, caps->arch);
    return g_strcmp0(def->os.type, "hvm") == 0 ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "os type '%s' is not supported, only 'hvm' is",
                def->os.type ? def->os.type : "");
}

/* ---- memory */

static gboolean
check_memory(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    if (def->memory == 0)
        return fail(err, ERR_XML,
                    "the domain has no memory: <memory> or the cells of <numa> must "
                    "say how much");
    if (def->max_memory_slots && !def->max_memory)
        return fail(err, ERR_XML, "maxMemory has %u slots but no size", def->max_memory_slots);
    if (def->max_memory && def->max_memory < def->memory)
        return fail(err, ERR_XML,
                    "maxMemory of %" G_GUINT64_FORMAT
                    " KiB is less than the memory, %" G_GUINT64_FORMAT " KiB",
                    def->max_memory, def->memory);
    return TRUE;
}

static gboolean
check_memory_backing(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const MemoryBacking *b = def->backing;

    if (!b || !b->hugepages)
        return TRUE;
    if (b->source == MEMORY_SOURCE_ANONYMOUS)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "memoryBacking: hugepages need source type 'file' or 'memfd', not 'anonymous'");
    if (b->allocation == MEMORY_ONDEMAND)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "memoryBacking: hugepages need allocation mode 'immediate', not 'ondemand'");
    return TRUE;
}

/* Whether a page size applies to a cell: without a nodeset it is for all cells, and a domain
 * without cells is one cell. */
static gboolean
page_is_master(const HugePage *page, guint cells)
{
    return !page->nodes || cells == 0;
}

static gboolean
check_page_pair(const HugePage *a, const HugePage *b, guint cells, GError **err)
{
    if (page_is_master(a, cells) && page_is_master(b, cells))
        return fail(err, ERR_XML_DETAIL,
                    "hugepages: pages of %" G_GUINT64_FORMAT " and %" G_GUINT64_FORMAT
                    " KiB are both for the whole domain",
                    a->size, b->size);
    if (bitmap_overlaps(a->nodes, b->nodes))
        return fail(err, ERR_XML_DETAIL,
                    "hugepages: pages of %" G_GUINT64_FORMAT " and %" G_GUINT64_FORMAT
                    " KiB are for the same cell",
                    a->size, b->size);
    return TRUE;
}

static gboolean
check_hugepages(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const GPtrArray *pages = def->backing ? def->backing->pages : NULL;
    guint cells = def->cpu && def->cpu->numa ? list_length(def->cpu->numa->cells) : 0;

    for (guint i = 0; i < list_length(pages); i++) {
        const HugePage *page = list_item(pages, i);

        if (page->size == 0)
            return fail(err, ERR_XML_DETAIL, "hugepages: a page of size 0");
        if (bitmap_last(page->nodes) >= (int)MAX(cells, 1))
            return fail(err, ERR_XML_DETAIL, "hugepages: cell %d of the nodeset is not in <numa>",
                        bitmap_last(page->nodes));
        for (guint k = 0; k < i; k++)
            if (!check_page_pair(page, list_item(pages, k), cells, err))
                return FALSE;
    }
    return TRUE;
}

static gboolean
check_memtune(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    return !def->memtune || !def->memtune->min_guarantee ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "memtune: QEMU has no 'min_guarantee'");
}

static gboolean
check_blkiotune(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const GPtrArray *devices = def->blkiotune ? def->blkiotune->devices : NULL;

    for (guint i = 0; i < list_length(devices); i++) {
        const BlkioDevice *a = list_item(devices, i);

        for (guint k = 0; k < i; k++)
            if (g_strcmp0(a->path, ((BlkioDevice *)list_item(devices, k))->path) == 0)
                return fail(err, ERR_CONFIG_UNSUPPORTED, "blkiotune: device '%s' is there twice",
                            a->path);
    }
    return TRUE;
}

/* ---- features */

typedef struct ArchFeature {
    const char *name;
    const char *machines; /* that have it */
    gboolean (*has)(const FeaturesDef *f);
    gboolean (*can)(const DomainDef *def);
} ArchFeature;

static gboolean
has_hpt(const FeaturesDef *f)
{
    return f->hpt_resizing || f->hpt_maxpagesize;
}
static gboolean
has_htm(const FeaturesDef *f)
{
    return f->htm;
}
static gboolean
has_nested_hv(const FeaturesDef *f)
{
    return f->nested_hv;
}
static gboolean
has_ccf_assist(const FeaturesDef *f)
{
    return f->ccf_assist;
}
static gboolean
has_gic(const FeaturesDef *f)
{
    return f->gic;
}
static gboolean
has_ras(const FeaturesDef *f)
{
    return f->ras;
}

static gboolean
has_mitigation(const FeaturesDef *f)
{
    return f->cfpc || f->sbbc || f->ibs;
}
static gboolean
has_aia(const FeaturesDef *f)
{
    return f->aia;
}

static gboolean
is_riscv_virt(const DomainDef *def)
{
    return board_has(board_of(def), BOARD_AIA);
}

static gboolean
is_pseries(const DomainDef *def)
{
    return board_has(board_of(def), BOARD_SPAPR);
}

static gboolean
is_arm_virt(const DomainDef *def)
{
    return board_has(board_of(def), BOARD_GIC);
}

static gboolean
check_arch_features(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    static const ArchFeature rows[] = {
        { "hpt", "pseries", has_hpt, is_pseries },
        { "htm", "pseries", has_htm, is_pseries },
        { "nested-hv", "pseries", has_nested_hv, is_pseries },
        { "ccf-assist", "pseries", has_ccf_assist, is_pseries },
        { "cfpc, sbbc, ibs", "pseries", has_mitigation, is_pseries },
        { "aia", "RISC-V virt", has_aia, is_riscv_virt },
        { "gic", "Arm virt", has_gic, is_arm_virt },
        { "ras", "Arm virt", has_ras, is_arm_virt },
    };

    for (guint i = 0; def->features && i < G_N_ELEMENTS(rows); i++)
        if (rows[i].has(def->features) && !rows[i].can(def))
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "feature '%s': machine '%s' does not have it, only %s machines do",
                        rows[i].name, def->os.machine, rows[i].machines);
    return TRUE;
}

static gboolean
check_features(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const FeaturesDef *f = def->features;

    if (!f)
        return TRUE;
    if (f->has_tseg && f->tseg % 1048576 != 0)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "smm: the size of <tseg> is in MiB");
    if (f->smm == ON && f->has_tseg && !domain_is_q35(def))
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "feature 'smm': machine '%s' has no TSEG, only q35 machines do",
                    def->os.machine);
    if (f->tb_cache % 1024 != 0)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "features: <tb-cache> is in whole MiB");
    if (f->tb_cache && def->virt_type == VIRT_KVM)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "feature 'tcg': the domain is of type 'kvm', which uses no TCG");
    return TRUE;
}

static gboolean
check_kvm_features(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const KvmFeatures *k = def->features ? def->features->kvm : NULL;
    guint32 size = k ? k->dirty_ring_size : 0;

    if (!k || k->dirty_ring != ON)
        return TRUE;
    if (size < 1024 || size > 65536 || (size & (size - 1)))
        return fail(err, ERR_XML, "feature 'dirty-ring': size %u is no power of two in 1024-65536",
                    size);
    return TRUE;
}

static gboolean
check_hyperv(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const HypervFeatures *h = def->features ? def->features->hyperv : NULL;

    if (!h)
        return TRUE;
    if (h->spinlocks == ON && h->mode != HYPERV_PASSTHROUGH && h->spinlock_retries < 4095)
        return fail(err, ERR_XML, "hyperv spinlocks: %u retries, at least 4095 are needed",
                    h->spinlock_retries);
    if (h->vendor_id == ON && h->mode != HYPERV_PASSTHROUGH && !h->vendor_id_value)
        return fail(err, ERR_XML, "hyperv vendor_id: its 'value' is missing");
    if (h->vendor_id_value && strlen(h->vendor_id_value) > 12)
        return fail(err, ERR_XML, "hyperv vendor_id: '%s' has more than 12 characters",
                    h->vendor_id_value);
    if (h->vendor_id_value && strchr(h->vendor_id_value, ','))
        return fail(err, ERR_XML, "hyperv vendor_id: '%s' has a comma", h->vendor_id_value);
    return TRUE;
}

/* ---- clock */

typedef struct TimerRule {
    const char *name;
    guint tickpolicies, tracks; /* BIT(word): what is taken; 0: the attribute itself is not */
    gboolean (*can)(const DomainDef *def);
} TimerRule;

#define ANY_POLICY (BIT(TICK_DELAY) | BIT(TICK_CATCHUP) | BIT(TICK_MERGE) | BIT(TICK_DISCARD))

static gboolean
never(const DomainDef *def)
{
    return FALSE;
}

static gboolean
is_arm_virt_kvm(const DomainDef *def)
{
    return is_arm_virt(def) && def->virt_type == VIRT_KVM;
}

static const TimerRule timer_rules[] = {
    [TIMER_PLATFORM] = { "platform", ANY_POLICY, 0, never },
    [TIMER_PIT] = { "pit", ANY_POLICY & ~BIT(TICK_MERGE), 0, NULL },
    [TIMER_RTC] = { "rtc", BIT(TICK_DELAY) | BIT(TICK_CATCHUP),
                    BIT(TRACK_GUEST) | BIT(TRACK_WALL) | BIT(TRACK_REALTIME), NULL },
    [TIMER_HPET] = { "hpet", ANY_POLICY, 0, NULL },
    [TIMER_TSC] = { "tsc", ANY_POLICY, 0, domain_is_x86 },
    [TIMER_KVMCLOCK] = { "kvmclock", 0, 0, domain_is_x86 },
    [TIMER_HYPERVCLOCK] = { "hypervclock", 0, 0, domain_is_x86 },
    [TIMER_ARMVTIMER] = { "armvtimer", ANY_POLICY, 0, is_arm_virt_kvm },
};

static gboolean
check_timer(const DomainDef *def, const TimerDef *t, GError **err)
{
    const TimerRule *r = &timer_rules[t->name];

    if (t->tickpolicy && !r->tickpolicies)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "timer '%s' takes no 'tickpolicy'", r->name);
    if (t->catchup && t->tickpolicy != TICK_CATCHUP)
        return fail(err, ERR_XML, "timer '%s': <catchup> needs tickpolicy 'catchup'", r->name);
    if (r->can && !r->can(def))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "timer '%s' is not supported by machine '%s'",
                    r->name, def->os.machine);
    if (t->tickpolicy && !(r->tickpolicies & BIT(t->tickpolicy)))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "timer '%s' does not take this 'tickpolicy'",
                    r->name);
    if (t->track && !(r->tracks & BIT(t->track)))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "timer '%s' does not take this 'track'", r->name);
    if ((t->frequency || t->mode) && t->name != TIMER_TSC)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "timer '%s' has no '%s', only timer 'tsc' does",
                    r->name, t->mode ? "mode" : "frequency");
    return TRUE;
}

static gboolean
check_clock(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    /* The last second of the year 9999. */
    const gint64 end_of_time = G_GINT64_CONSTANT(253402300799);

    if (def->clock.offset == CLOCK_ABSOLUTE && def->clock.start > end_of_time)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "clock start %" G_GINT64_FORMAT " is above %" G_GINT64_FORMAT, def->clock.start,
                    end_of_time);
    EACH (TimerDef, t, def->clock.timers)
        if (!check_timer(def, t, err))
            return FALSE;
    return TRUE;
}

/* ---- lifecycle */

static gboolean
check_actions(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const struct {
        const char *name;
        int action;
    } rows[] = { { "on_poweroff", def->on_poweroff }, { "on_reboot", def->on_reboot } };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].action == ACTION_PRESERVE || rows[i].action == ACTION_RENAME_RESTART)
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "%s: '%s' is not supported, 'destroy' and 'restart' are", rows[i].name,
                        rows[i].action == ACTION_PRESERVE ? "preserve" : "rename-restart");
    if (def->on_crash == CRASH_RENAME_RESTART)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "on_crash: 'rename-restart' is not supported");
    if (def->on_poweroff == ACTION_RESTART && def->on_reboot == ACTION_DESTROY)
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "on_poweroff 'restart' does not go with on_reboot 'destroy'");
    return TRUE;
}

static gboolean
check_perf(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    static const char *const events[] = { NULL,
                                          "cmt",
                                          "mbmt",
                                          "mbml",
                                          "cpu_cycles",
                                          "instructions",
                                          "cache_references",
                                          "cache_misses",
                                          "branch_instructions",
                                          "branch_misses",
                                          "bus_cycles",
                                          "stalled_cycles_frontend",
                                          "stalled_cycles_backend",
                                          "ref_cpu_cycles",
                                          "cpu_clock",
                                          "task_clock",
                                          "page_faults",
                                          "context_switches",
                                          "cpu_migrations",
                                          "page_faults_min",
                                          "page_faults_maj",
                                          "alignment_faults",
                                          "emulation_faults",
                                          NULL };
    guint64 had = 0;

    EACH (PerfEvent, e, def->perf) {
        int event = word_find(events, e->name);

        if (!event)
            return fail(err, ERR_XML, "perf: there is no event '%s'", e->name);
        if (had & BIT(event))
            return fail(err, ERR_XML, "perf: event '%s' is there twice", e->name);
        had |= BIT(event);
    }
    return TRUE;
}

/* ---- identity of the guest's board */

/* mm/dd/yyyy or mm/dd/yy, as SMBIOS has it. */
static gboolean
is_bios_date(const char *text)
{
    guint month, day, year;
    int end = 0;

    if (sscanf(text, "%2u/%2u/%4u%n", &month, &day, &year, &end) != 3 || text[end])
        return FALSE;
    return month >= 1 && month <= 12 && day >= 1 && day <= 31 && (year < 100 || year >= 1900);
}

static gboolean
check_fwcfg(const SysinfoDef *s, GError **err)
{
    EACH (SysinfoEntry, e, s->fwcfg) {
        if (!e->name || !*e->name)
            return fail(err, ERR_XML, "sysinfo: an entry of 'fwcfg' has no 'name'");
        if (!e->file && !(e->value && *e->value))
            return fail(err, ERR_XML, "sysinfo: entry '%s' has neither a value nor a 'file'",
                        e->name);
        if (!g_str_has_prefix(e->name, "opt/"))
            return fail(err, ERR_CONFIG_UNSUPPORTED, "sysinfo: entry '%s' must begin with 'opt/'",
                        e->name);
        if (g_str_has_prefix(e->name, "opt/ovmf/") || g_str_has_prefix(e->name, "opt/org.qemu/"))
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "sysinfo: the name of entry '%s' is reserved for the firmware", e->name);
    }
    return TRUE;
}

static gboolean
check_sysinfo(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    EACH (SysinfoDef, s, def->sysinfos) {
        const SysinfoEntry *date = sysinfo_entry_find(s->bios, "date");

        if (date && !is_bios_date(date->value))
            return fail(err, ERR_XML_DETAIL, "sysinfo: BIOS date '%s' is not as 12/31/2024",
                        date->value);
        if (!check_fwcfg(s, err))
            return FALSE;
    }
    return TRUE;
}

static gboolean
check_idmap(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const IdmapDef *map = def->idmap;
    guint roots = 0;

    if (!map)
        return TRUE;
    if (!list_length(map->uids) != !list_length(map->gids))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "idmap: <uid> and <gid> must both be there");
    EACH (IdmapEntry, u, map->uids)
        roots |= u->start == 0 ? 1 : 0;
    EACH (IdmapEntry, g, map->gids)
        roots |= g->start == 0 ? 2 : 0;
    return !list_length(map->uids) || roots == 3 ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "idmap: user and group 0 are not mapped");
}

static gboolean
check_resource(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const char *id = def->resource ? def->resource->appid : NULL;

    if (def->resource && !id && !(def->resource->partition && *def->resource->partition))
        return fail(err, ERR_PLAIN, "resource: it has neither a <partition> nor an 'appid'");
    if (!id)
        return TRUE;
    for (const char *c = id; *c; c++)
        if (!g_ascii_isprint(*c))
            return fail(err, ERR_XML, "resource: appid '%s' is not printable", id);
    return (*id && strlen(id) <= 128) ||
           fail(err, ERR_INVALID_ARG, "resource: an appid has 1 to 128 characters");
}

/* ---- security */

static gboolean
check_keywrap(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    guint had = 0;

    EACH (KeywrapCipher, c, def->keywrap) {
        if (had & BIT(c->name))
            return fail(err, ERR_PLAIN, "keywrap: a cipher is there twice");
        had |= BIT(c->name);
    }
    return TRUE;
}

static gboolean
check_launch_security(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    static const struct {
        const char *name, *object;
    } rows[] = {
        [SECURITY_SEV] = { "sev", "sev" },
        [SECURITY_SEV_SNP] = { "sev-snp", "sev-snp-guest" },
        [SECURITY_S390_PV] = { "s390-pv", "s390-pv-guest" },
        [SECURITY_TDX] = { "tdx", "tdx-guest" },
    };
    const LaunchSecurity *l = def->launch_security;

    /* QEMU may have the object although the processor lacks the technology. */
    return !l || (caps_has(caps, rows[l->type].object) && caps_has(caps, "sev")) ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "launchSecurity: '%s' is not supported by '%s' here",
                rows[l->type].name, caps->path);
}

/* ---- what is handed to QEMU as it is */

static gboolean
check_environment(const QemuNamespace *q, GError **err)
{
    EACH (QemuEnv, e, q->envs) {
        gboolean first = g_ascii_isalpha(*e->name) || *e->name == '_';

        if (!first || strspn(e->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
                                      "0123456789") != strlen(e->name))
            return fail(err, ERR_PLAIN,
                        "qemu:env '%s': a name is of letters, digits and '_', no digit first",
                        e->name);
    }
    return TRUE;
}

static gboolean
property_is_fine(const QemuProperty *p)
{
    guint64 number;
    gint64 signed_number;

    switch (p->type) {
    case PROPERTY_UNSIGNED:
        return p->value && g_ascii_string_to_unsigned(p->value, 10, 0, G_MAXUINT64, &number, NULL);
    case PROPERTY_SIGNED:
        return p->value &&
               g_ascii_string_to_signed(p->value, 10, G_MININT64, G_MAXINT64, &signed_number, NULL);
    case PROPERTY_BOOL:
        return g_strcmp0(p->value, "true") == 0 || g_strcmp0(p->value, "false") == 0;
    case PROPERTY_REMOVE:
        return !p->value;
    default:
        return p->value != NULL;
    }
}

static gboolean
check_qemu(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    if (!def->qemu)
        return TRUE;
    EACH (QemuOverride, o, def->qemu->overrides)
        EACH (QemuProperty, p, o->properties)
            if (!property_is_fine(p))
                return fail(err, ERR_XML,
                            "qemu:property '%s' of '%s': value '%s' is not of its type", p->name,
                            o->alias, p->value ? p->value : "");
    return check_environment(def->qemu, err);
}

static gboolean
check_host_plan(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const Notes notes = NOTES_IN(def);
    HostPlan plan = { 0 };

    return host_plan_read(&notes, &plan, err);
}

const Rule domain_rules[] = {
    { "domain/@type", check_virt_type },
    { "os/type", check_os_type },
    { "memory", check_memory },
    { "memoryBacking", check_memory_backing },
    { "memoryBacking/hugepages", check_hugepages },
    { "memtune", check_memtune },
    { "blkiotune", check_blkiotune },
    { "features of one architecture", check_arch_features },
    { "features", check_features },
    { "features/kvm", check_kvm_features },
    { "features/hyperv", check_hyperv },
    { "clock", check_clock },
    { "on_poweroff, on_reboot, on_crash", check_actions },
    { "perf", check_perf },
    { "sysinfo", check_sysinfo },
    { "idmap", check_idmap },
    { "resource", check_resource },
    { "keywrap", check_keywrap },
    { "launchSecurity", check_launch_security },
    { "qemu:commandline, qemu:override", check_qemu },
    { "metadata of our own", check_host_plan },
    { NULL },
};
