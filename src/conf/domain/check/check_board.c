/* Rules about the abilities of a machine: its row in board.c, and its QEMU. */
#include "check.h"

#include <string.h>

/* ---- buses */

static gboolean
check_ide(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    if (board_has(board_of(def), BOARD_IDE))
        return TRUE;
    EACH (ControllerDef, c, def->devices.controllers)
        if (c->type == CONTROLLER_IDE)
            return fail(err, ERR_CONFIG_UNSUPPORTED, "controller: machine '%s' has no IDE%s",
                        def->os.machine, domain_is_x86(def) ? ", use 'sata'" : "");
    return TRUE;
}

static gboolean
check_sata(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    EACH (ControllerDef, c, def->devices.controllers)
        if (c->type == CONTROLLER_SATA && !caps_has_device(caps, "ich9-ahci"))
            return fail(err, ERR_CONFIG_UNSUPPORTED, "controller: SATA is not supported by %s",
                        caps->path);
    return TRUE;
}

static gboolean
check_parallels(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    return !def->devices.parallels || !board_has(board_of(def), BOARD_NO_PARALLEL) ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "parallel: machine '%s' has no such ports",
                def->os.machine);
}

static gboolean
check_ps2(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const Board *board = board_of(def);
    gboolean off = def->features && def->features->ps2 == OFF;

    EACH (InputDef, input, def->devices.inputs) {
        if (input->bus == INPUT_PS2 && off)
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "input '%s': <ps2 state='off'/> leaves its bus 'ps2' out",
                        word_of(input_types, input->type));
        if (input->bus == INPUT_PS2 && board->input_bus != INPUT_PS2)
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "input '%s': machine '%s' has no bus 'ps2', it would be '%s'",
                        word_of(input_types, input->type), def->os.machine,
                        board->input_bus == INPUT_USB ? "usb" : "virtio");
    }
    return TRUE;
}

/* ---- addresses */

typedef struct Seats {
    const DomainDef *def;
    const Board *board;
    GError **err;
} Seats;

static gboolean
check_zpci(const Seats *s, const DeviceInfo *info, const char *what)
{
    const ZpciAddress *z = &info->address.pci.zpci;

    if (!z->has_uid && !z->has_fid)
        return TRUE;
    if (!board_has(s->board, BOARD_ZPCI))
        return fail(s->err, ERR_CONFIG_UNSUPPORTED, "%s: <zpci> is of machines of s390x", what);
    return !z->has_uid || (z->uid > 0 && z->uid <= 0xffff) ||
           fail(s->err, ERR_XML, "%s: zPCI uid %#x, it must be above 0 and up to 0xffff", what,
                z->uid);
}

static gboolean
check_seat(DeviceInfo *info, const Schema *schema, gpointer device G_GNUC_UNUSED, gpointer user)
{
    const Seats *s = user;
    const Address *a = &info->address;
    const char *machine = s->def->os.machine;

    switch ((AddressType)a->type) {
    case ADDRESS_CCW:
        return s->board->virtio == ADDRESS_CCW ||
               fail(s->err, ERR_CONFIG_UNSUPPORTED, "%s: machine '%s' has no 'ccw' addresses",
                    schema->name, machine);
    case ADDRESS_VIRTIO_MMIO:
        return schema != &disk_schema || domain_is_x86(s->def) || board_has(s->board, BOARD_MMIO) ||
               fail(s->err, ERR_CONFIG_UNSUPPORTED,
                    "%s: machine '%s' has no 'virtio-mmio' addresses", schema->name, machine);
    case ADDRESS_SPAPR_VIO:
        return a->spapr.reg <= G_MAXUINT32 ||
               fail(s->err, ERR_CONFIG_UNSUPPORTED,
                    "%s: spapr-vio register %#" G_GINT64_MODIFIER "x is above 0xffffffff",
                    schema->name, a->spapr.reg);
    case ADDRESS_PCI:
        return check_zpci(s, info, schema->name);
    case ADDRESS_NONE:
    case ADDRESS_DRIVE:
    case ADDRESS_VIRTIO_SERIAL:
    case ADDRESS_CCID:
    case ADDRESS_USB:
    case ADDRESS_VIRTIO_S390:
    case ADDRESS_ISA:
    case ADDRESS_DIMM:
    case ADDRESS_UNASSIGNED:
        return TRUE;
    }
    return TRUE;
}

static gboolean
check_seats(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    Seats seats = { def, board_of(def), err };

    return domain_each_device((DomainDef *)def, check_seat, &seats);
}

/* ---- host bridges of pSeries */

static gboolean
check_bridges(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    enum { LAST_BRIDGE = 30 };

    EACH (ControllerDef, c, def->devices.controllers) {
        const ControllerPci *pci = c->pci;

        if (c->type != CONTROLLER_PCI || c->model != MODEL_PCI_ROOT || !pci)
            continue;
        if (pci->has_index && pci->index > LAST_BRIDGE)
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "controller: PCI %u has target index %u, it must be 0 to %u", c->index,
                        pci->index, LAST_BRIDGE);
        if (pci->has_index && (c->index == 0) != (pci->index == 0))
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "controller: PCI %u has target index %u; 0 goes with 0, and only with it",
                        c->index, pci->index);
        if (c->index == 0 && pci->has_node)
            return fail(err, ERR_CONFIG_UNSUPPORTED, "controller: PCI 0 is of no NUMA node");
    }
    return TRUE;
}

/* ---- devices */

static gboolean
check_panics(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    EACH (PanicDef, p, def->devices.panics) {
        gboolean built_in = p->model == PANIC_PSERIES || p->model == PANIC_S390;

        if (!p->model)
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "panic: it needs a 'model', machine '%s' has no usual one",
                        def->os.machine);
        if (built_in && p->info.address.type)
            return fail(err, ERR_CONFIG_UNSUPPORTED, "panic model '%s' has no address",
                        word_of(panic_models, p->model));
    }
    return TRUE;
}

static gboolean
check_mdev(const HostdevDef *h, const EmulatorCaps *caps, GError **err)
{
    static const struct {
        int model;
        const char *device;
        gboolean boots;
    } models[] = {
        { HOSTDEV_MODEL_VFIO_AP, "vfio-ap", FALSE },
        { HOSTDEV_MODEL_VFIO_CCW, "vfio-ccw", TRUE },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(models); i++) {
        if (h->model != models[i].model)
            continue;
        if (!caps_has_device(caps, models[i].device))
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "hostdev: model '%s' needs an emulator of s390x, not %s", models[i].device,
                        caps->path);
        if (h->info.boot_order && !models[i].boots)
            return fail(
                err, ERR_CONFIG_UNSUPPORTED,
                "hostdev: a guest cannot boot from a device of model '%s'; leave <boot> out",
                models[i].device);
    }
    return TRUE;
}

static gboolean
check_mdevs(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    guint cards = 0;

    EACH (HostdevDef, h, def->devices.hostdevs) {
        if (h->source.type != HOSTDEV_MDEV)
            continue;
        if (!check_mdev(h, caps, err))
            return FALSE;
        if (h->model == HOSTDEV_MODEL_VFIO_AP && ++cards > 1)
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "hostdev: only one of model 'vfio-ap' is supported");
    }
    return TRUE;
}

/* Devices that some emulators lack. */
typedef struct BoardNeed {
    gsize list, model;
    int which;
    const char *what, *device, *other; /* other: does as well; NULL: none */
} BoardNeed;

static const BoardNeed needs[] = {
#define NEED(list, type, which, what, device, other)                                               \
    {                                                                                              \
        G_STRUCT_OFFSET(Devices, list), G_STRUCT_OFFSET(type, model), which, what, device, other   \
    }
    NEED(panics, PanicDef, PANIC_ISA, "panic model 'isa'", "pvpanic", NULL),
    NEED(panics, PanicDef, PANIC_PVPANIC, "panic model 'pvpanic'", "pvpanic-pci", NULL),
    NEED(sounds, SoundDef, SOUND_ICH9, "sound model 'ich9'", "ich9-intel-hda", NULL),
    NEED(sounds, SoundDef, SOUND_USB, "sound model 'usb'", "usb-audio", NULL),
    NEED(shmems, ShmemDef, SHMEM_PLAIN, "shmem model 'ivshmem-plain'", "ivshmem-plain", NULL),
    NEED(shmems, ShmemDef, SHMEM_DOORBELL, "shmem model 'ivshmem-doorbell'", "ivshmem-doorbell",
         NULL),
    NEED(memories, MemoryDevice, MEMORY_DIMM, "memory model 'dimm'", "pc-dimm", NULL),
    NEED(memories, MemoryDevice, MEMORY_NVDIMM, "memory model 'nvdimm'", "nvdimm", NULL),
    NEED(memories, MemoryDevice, MEMORY_VIRTIO_MEM, "memory model 'virtio-mem'", "virtio-mem-pci",
         "virtio-mem-ccw"),
    NEED(memories, MemoryDevice, MEMORY_VIRTIO_PMEM, "memory model 'virtio-pmem'",
         "virtio-pmem-pci", NULL),
#undef NEED
};

static gboolean
check_needs(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    for (gsize i = 0; i < G_N_ELEMENTS(needs); i++) {
        const BoardNeed *n = &needs[i];

        if (caps_has_device(caps, n->device) || (n->other && caps_has_device(caps, n->other)))
            continue;
        EACH (void, device, G_STRUCT_MEMBER(GPtrArray *, &def->devices, n->list))
            if (G_STRUCT_MEMBER(int, device, n->model) == n->which)
                return fail(err, ERR_CONFIG_UNSUPPORTED, "%s is not supported by %s", n->what,
                            caps->path);
    }
    return TRUE;
}

static gboolean
check_genid(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    return !def->genid || caps_has_device(caps, "vmgenid") ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "genid is not supported by %s", caps->path);
}

/* ---- what only PCs have */

static gboolean
check_pc_features(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const FeaturesDef *f = def->features;
    const Board *board = board_of(def);
    const struct {
        const char *name;
        gboolean said, has;
    } rows[] = {
        { "features/ps2", f && f->ps2, domain_is_x86(def) },
        { "features/vmport", f && f->vmport, domain_is_x86(def) },
        { "features/hyperv", f && f->hyperv, board_has(board, BOARD_HYPERV) },
        { "features/pmu", f && f->pmu, !board_has(board, BOARD_POWER) },
        { "pm/suspend-to-mem", def->pm && def->pm->suspend_to_mem, domain_is_x86(def) },
        { "pm/suspend-to-disk", def->pm && def->pm->suspend_to_disk, domain_is_x86(def) },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].said && !rows[i].has)
            return fail(err, ERR_CONFIG_UNSUPPORTED,
                        "%s: architecture '%s' with machine '%s' gives no choice", rows[i].name,
                        def->os.arch, def->os.machine);
    return TRUE;
}

/* ---- memory, processors, firmware */

static gboolean
check_slots(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    return !def->max_memory || caps_has_device(caps, "pc-dimm") ||
           caps_has_device(caps, "virtio-mem-ccw") ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "maxMemory: %s cannot have memory plugged in",
                caps->path);
}

static gboolean
check_maximum_cpu(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    if (!def->cpu || def->cpu->mode != CPU_MAXIMUM)
        return TRUE;
    EACH (CpuModelCaps, model, caps->cpu_models)
        if (strcmp(model->name, "max") == 0)
            return TRUE;
    return fail(err, ERR_CONFIG_UNSUPPORTED, "cpu: %s has no mode 'maximum'", caps->path);
}

/* Vcpus are plugged in and out by whole cores. */
static gboolean
check_granularity(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    guint32 threads = def->cpu && def->cpu->topology ? def->cpu->topology->threads : 0;
    guint32 now = def->vcpus_current ? def->vcpus_current : def->vcpus;

    return !board_has(board_of(def), BOARD_SPAPR) || threads < 2 || now % threads == 0 ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "vcpu: %u are no whole number of cores, which have %u threads each", now, threads);
}

/* Whether the emulator reports which machines have ACPI; old ones do not. */
static gboolean
tells_acpi(const EmulatorCaps *caps)
{
    EACH (MachineCaps, m, caps->machines)
        if (m->acpi)
            return TRUE;
    return caps->version >= 8000000;
}

static gboolean
check_acpi(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const MachineCaps *m = caps_machine(caps, def->os.machine);
    const LoaderDef *l = def->os.loader;
    gboolean uefi = def->os.firmware == FIRMWARE_EFI || (l && l->type == LOADER_PFLASH);

    if (!def->features || !def->features->acpi)
        return TRUE;
    if (m && !m->acpi && tells_acpi(caps))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "feature 'acpi': machine '%s' does not have it",
                    def->os.machine);
    return uefi || !board_has(board_of(def), BOARD_ACPI_UEFI) ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "feature 'acpi': machine '%s' needs UEFI for it, as in <os firmware='efi'>",
                def->os.machine);
}

/* Widths of vectors mean nothing where there are no vectors. */
static gboolean
check_sve(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    gboolean off = FALSE, widths = FALSE;

    if (!def->cpu)
        return TRUE;
    EACH (CpuFeature, feature, def->cpu->features) {
        gboolean wanted = feature->policy == POLICY_REQUIRE || feature->policy == POLICY_FORCE;

        if (strcmp(feature->name, "sve") == 0)
            off = !wanted;
        else if (g_str_has_prefix(feature->name, "sve") && g_ascii_isdigit(feature->name[3]))
            widths = widths || wanted;
    }
    return !off || !widths ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "cpu: feature 'sve' is off, but its widths are given");
}

const Rule board_rules[] = {
    { "features/acpi", check_acpi },
    { "vcpu/@current of pSeries", check_granularity },
    { "cpu/feature 'sve'", check_sve },
    { "cpu/@mode 'maximum'", check_maximum_cpu },
    { "maxMemory", check_slots },
    { "controller of IDE", check_ide },
    { "controller of SATA", check_sata },
    { "controller of PCI, host bridges", check_bridges },
    { "parallel", check_parallels },
    { "input of PS/2", check_ps2 },
    { "panic/@model", check_panics },
    { "hostdev of s390x", check_mdevs },
    { "panic, sound, shmem, memory of some emulators", check_needs },
    { "genid", check_genid },
    { "features, pm of PCs", check_pc_features },
    { "address, by machine", check_seats },
    { NULL },
};
