/* The domain without its devices: identity, machine, memory, processors, clock. */
#include "fill.h"

#include <string.h>

/* ---- machine */

/* Drops boot order and ROM of devices that the firmware cannot boot from, or that have no ROM. */
static gboolean
drop_boot_parts(DeviceInfo *info, const Schema *schema, gpointer device G_GNUC_UNUSED,
                gpointer user G_GNUC_UNUSED)
{
    gboolean has_rom = schema == &net_schema || schema == &hostdev_schema;
    gboolean boots = has_rom || schema == &disk_schema || schema == &redirdev_schema ||
                     schema == &filesystem_schema;

    if (!boots) {
        info->boot_order = 0;
        g_clear_pointer(&info->loadparm, g_free);
    }
    if (!has_rom) {
        schema_free(&rom_schema, info->rom);
        info->rom = NULL;
    }
    return TRUE;
}

static gboolean
note_boot_order(DeviceInfo *info, const Schema *schema G_GNUC_UNUSED, gpointer device G_GNUC_UNUSED,
                gpointer user)
{
    gboolean *found = user;

    *found = *found || info->boot_order != 0;
    return !*found;
}

/* The firmware tries this many kinds of devices. */
#define BOOTS_MAX 4

static void
fill_boot(DomainDef *def)
{
    gboolean ordered = FALSE;
    BootDef *boot;

    for (guint i = list_length(def->os.boots); i > BOOTS_MAX; i--) {
        g_free(def->os.boots->pdata[i - 1]);
        list_remove(&def->os.boots, i - 1);
    }
    domain_each_device(def, drop_boot_parts, NULL);
    domain_each_device(def, note_boot_order, &ordered);
    if (list_length(def->os.boots) > 0 || ordered)
        return;
    boot = g_new0(BootDef, 1);
    boot->dev = BOOT_HD;
    list_append(&def->os.boots, boot);
}

/* The UUID in sysinfo and the domain's UUID are the same, in one spelling. */
static void
fill_uuid(DomainDef *def)
{
    EACH (SysinfoDef, sysinfo, def->sysinfos) {
        SysinfoEntry *entry = sysinfo_entry_find(sysinfo->system, "uuid");
        guint8 uuid[UUID_LEN];
        char text[UUID_TEXT_LEN];

        if (!entry || !uuid_parse(entry->value, uuid))
            continue;
        uuid_format(uuid, text);
        set_text(&entry->value, text);
        if (uuid_is_zero(def->uuid))
            memcpy(def->uuid, uuid, UUID_LEN);
    }
    if (uuid_is_zero(def->uuid))
        uuid_make(def->uuid);
}

static void
fill_identity(DomainDef *def)
{
    g_autofree char *metadata = def->metadata ? xml_one_per_namespace(def->metadata) : NULL;

    fill_uuid(def);
    if (def->genid && uuid_is_zero(def->genid_uuid))
        uuid_make(def->genid_uuid);
    if (metadata) {
        g_free(def->metadata);
        def->metadata = *metadata ? g_steal_pointer(&metadata) : NULL;
    }
}

/* For an unknown machine the first error is that devices have no bus. */
static gboolean
needs_pci_bus(const DomainDef *def)
{
    EACH (ControllerDef, c, def->devices.controllers)
        if (c->type == CONTROLLER_PCI)
            return FALSE;
    if (domain_is_i440fx(def) || domain_is_q35(def))
        return FALSE;
    return !def->devices.balloon || def->devices.balloon->model != BALLOON_NONE;
}

gboolean
fill_machine(Fill *f, GError **err)
{
    DomainDef *def = f->def;
    const MachineCaps *m = def->os.machine ? caps_machine(f->caps, def->os.machine)
                                           : caps_default_machine(f->caps);

    if (!m)
        return fail(err, needs_pci_bus(def) ? ERR_XML : ERR_CONFIG_UNSUPPORTED,
                    "os: emulator '%s' has no machine '%s'; '%s -machine help' lists those it has",
                    f->caps->path, def->os.machine ?: "", f->caps->path);
    set_text(&def->os.machine, m->name);
    if (!def->os.arch)
        def->os.arch = g_strdup(f->caps->arch);
    if (!def->devices.emulator)
        def->devices.emulator = g_strdup(f->caps->path);
    f->board = board_of(def);
    f->x86 = strcmp(def->os.arch, "x86_64") == 0 || strcmp(def->os.arch, "i686") == 0;
    f->i440fx = domain_is_i440fx(def);
    f->q35 = domain_is_q35(def);
    f->isapc = strcmp(def->os.machine, "isapc") == 0;
    fill_identity(def);
    fill_boot(def);
    return TRUE;
}

/* ---- memory */

static guint64
cells_memory(const DomainDef *def)
{
    guint64 sum = 0;

    if (def->cpu && def->cpu->numa)
        EACH (NumaCell, cell, def->cpu->numa->cells)
            sum += cell->memory;
    return sum;
}

static gint
compare_cells(gconstpointer a, gconstpointer b)
{
    const NumaCell *x = *(NumaCell *const *)a, *y = *(NumaCell *const *)b;

    return x->id < y->id ? -1 : x->id > y->id;
}

/* A guest whose memory can grow needs a cell to grow in. */
static void
add_only_cell(DomainDef *def)
{
    NumaCell *cell = g_new0(NumaCell, 1);

    if (!def->cpu)
        def->cpu = schema_new(&cpu_schema);
    if (!def->cpu->numa)
        def->cpu->numa = g_new0(CpuNuma, 1);
    cell->has_id = TRUE;
    cell->memory = def->memory;
    EACH (MemoryDevice, device, def->devices.memories) {
        cell->memory -= MIN(device->size, cell->memory);
        device->has_node |= memory_has_node(device);
    }
    cell->cpus = bitmap_new();
    for (guint i = 0; i < MAX(def->vcpus, 1); i++)
        bitmap_set(cell->cpus, i);
    list_append(&def->cpu->numa->cells, cell);
}

/* Vcpus that no cell names belong to the first cell. */
static void
adopt_processors(DomainDef *def, GPtrArray *cells)
{
    NumaCell *first = cells->pdata[0];
    g_autoptr(Bitmap) named = bitmap_new();

    EACH (NumaCell, cell, cells)
        if (cell->cpus)
            bitmap_add(named, cell->cpus);
    for (guint i = 0; i < def->vcpus; i++) {
        if (bitmap_test(named, i))
            continue;
        if (!first->cpus)
            first->cpus = bitmap_new();
        bitmap_set(first->cpus, i);
    }
}

static gint
compare_distances(gconstpointer a, gconstpointer b)
{
    const NumaDistance *x = *(NumaDistance *const *)a, *y = *(NumaDistance *const *)b;

    return x->id < y->id ? -1 : x->id > y->id;
}

static NumaDistance *
distance_find(const NumaCell *from, guint32 to)
{
    EACH (NumaDistance, distance, from->distances)
        if (distance->id == to)
            return distance;
    return NULL;
}

static void
distance_add(NumaCell *from, guint32 to, guint32 value)
{
    NumaDistance *distance;

    if (distance_find(from, to))
        return;
    distance = g_new0(NumaDistance, 1);
    distance->id = to;
    distance->value = value;
    list_append(&from->distances, distance);
}

/* The distance back is the same unless the document says otherwise; the distance to the cell itself
 * is 10. */
static void
fill_distances(GPtrArray *cells)
{
    enum { LOCAL = 10 };

    EACH (NumaCell, from, cells) {
        EACH (NumaDistance, distance, from->distances) {
            NumaCell *to = list_item(cells, distance->id);

            if (to && to != from)
                distance_add(to, from->id, distance->value);
        }
    }
    EACH (NumaCell, cell, cells) {
        if (!cell->distances)
            continue;
        distance_add(cell, cell->id, LOCAL);
        g_ptr_array_sort(cell->distances, compare_distances);
    }
}

static gboolean
fill_cells(DomainDef *def, GError **err)
{
    GPtrArray *cells;
    guint32 next = 0;

    if (!def->cpu || !def->cpu->numa || list_length(def->cpu->numa->cells) == 0)
        return TRUE;
    cells = def->cpu->numa->cells;
    EACH (NumaCell, cell, cells) {
        if (!cell->has_id)
            cell->id = next;
        cell->has_id = TRUE;
        next++;
    }
    g_ptr_array_sort(cells, compare_cells);
    for (guint i = 1; i < cells->len; i++)
        if (compare_cells(&cells->pdata[i - 1], &cells->pdata[i]) == 0)
            return fail(err, ERR_XML, "numa: cell %u is there twice",
                        ((const NumaCell *)cells->pdata[i])->id);
    adopt_processors(def, cells);
    fill_distances(cells);
    return TRUE;
}

/* POWER plugs memory in by 256 MiB. What is stored behind a file cannot grow, and its label comes
 * on top. */
static void
align_memory(MemoryDevice *memory)
{
    const guint64 block = 256 * 1024; /* KiB */

    if (memory->model == MEMORY_DIMM)
        memory->size = (memory->size + block - 1) / block * block;
    else if (memory->model == MEMORY_NVDIMM && memory->size > memory->label_size)
        memory->size = (memory->size - memory->label_size) / block * block + memory->label_size;
}

/* Devices are part of <memory>, and something must be left of it for the guest to boot in. */
static gboolean
check_devices_fit(const DomainDef *def, GError **err)
{
    guint64 left = def->memory;

    if (!def->devices.memories)
        return TRUE;
    EACH (MemoryDevice, device, def->devices.memories) {
        if (device->size > left)
            return fail(err, ERR_XML,
                        "memory: its devices are larger than the %" G_GUINT64_FORMAT
                        " KiB of <memory>",
                        def->memory);
        left -= device->size;
    }
    return left > 0 ||
           fail(err, ERR_XML, "memory: the memory devices take all of <memory>; make it larger");
}

gboolean
fill_memory(Fill *f, GError **err)
{
    DomainDef *def = f->def;
    guint64 cells;

    if (def->vcpus == 0)
        def->vcpus = def->has_vcpus = 1;
    if (board_has(f->board, BOARD_POWER))
        EACH (MemoryDevice, memory, def->devices.memories)
            align_memory(memory);
    if (cells_memory(def) == 0 && !check_devices_fit(def, err))
        return FALSE;
    if (def->max_memory && cells_memory(def) == 0)
        add_only_cell(def);
    if (!fill_cells(def, err))
        return FALSE;
    cells = cells_memory(def);
    if (cells > 0) {
        def->memory = cells;
        EACH (MemoryDevice, device, def->devices.memories)
            def->memory += device->size;
    }
    if (def->current_memory == 0 || def->current_memory > def->memory)
        def->current_memory = def->memory;
    return TRUE;
}

/* ---- processors */

gboolean
fill_processors(Fill *f, GError **err G_GNUC_UNUSED)
{
    DomainDef *def = f->def;

    default_int(&def->vcpu_placement, 1);
    if (def->vcpus_current >= def->vcpus)
        def->vcpus_current = 0;
    return TRUE;
}

/* Whether the document describes a CPU; otherwise it is the machine's default. */
static gboolean
cpu_is_described(const CpuDef *cpu)
{
    return cpu->model || (cpu->mode && cpu->mode != CPU_CUSTOM);
}

/* NULL: the machine's own has no name that documents know. */
static const char *
default_model(const Fill *f)
{
    const MachineCaps *m = caps_machine(f->caps, f->def->os.machine);

    return m && board_has(f->board, BOARD_CPU) ? m->default_cpu : NULL;
}

static void
fill_default_model(Fill *f, CpuDef *cpu)
{
    const char *model = default_model(f);

    if (!model)
        return;
    cpu->mode = CPU_CUSTOM;
    cpu->match = CPU_MATCH_EXACT;
    cpu->check = CPU_CHECK_NONE;
    cpu->fallback = CPU_FALLBACK_FORBID;
    cpu->model = g_strdup(model);
}

static void
fill_custom_model(const Fill *f, CpuDef *cpu)
{
    default_int(&cpu->match, CPU_MATCH_EXACT);
    default_int(&cpu->check, f->def->virt_type == VIRT_KVM ? CPU_CHECK_PARTIAL : CPU_CHECK_NONE);
    default_int(&cpu->fallback, CPU_FALLBACK_ALLOW);
}

/* A model taken from the host has no name of its own to fall back from. */
static void
fill_host_cpu(const Fill *f, CpuDef *cpu)
{
    cpu->match = 0;
    if (cpu->mode == CPU_HOST_MODEL) {
        default_int(&cpu->check, CPU_CHECK_PARTIAL);
    } else {
        default_int(&cpu->check, CPU_CHECK_NONE);
        if (cpu->mode == CPU_HOST_PASSTHROUGH && f->x86)
            default_int(&cpu->migratable, strcmp(f->caps->arch, "x86_64") == 0 ? ON : OFF);
    }
    if (cpu->mode == CPU_HOST_PASSTHROUGH || cpu->mode == CPU_MAXIMUM) {
        g_clear_pointer(&cpu->model, g_free); /* the host's has no name */
        g_clear_pointer(&cpu->vendor, g_free);
    }
    if (!cpu->model)
        cpu->fallback = 0;
    else if (cpu->mode == CPU_HOST_MODEL)
        default_int(&cpu->fallback, CPU_FALLBACK_ALLOW);
}

static void
fill_topology(CpuTopology *t)
{
    if (!t)
        return;
    t->dies = MAX(t->dies, 1);
    t->clusters = MAX(t->clusters, 1);
}

gboolean
fill_cpu(Fill *f, GError **err G_GNUC_UNUSED)
{
    CpuDef *cpu = f->def->cpu;

    if (!cpu && !default_model(f))
        return TRUE;
    if (!cpu)
        cpu = f->def->cpu = schema_new(&cpu_schema);
    if (!cpu_is_described(cpu)) {
        fill_default_model(f, cpu);
    } else {
        default_int(&cpu->mode, CPU_CUSTOM);
        if (cpu->mode == CPU_CUSTOM)
            fill_custom_model(f, cpu);
        else
            fill_host_cpu(f, cpu);
    }
    EACH (CpuFeature, feature, cpu->features)
        default_int(&feature->policy, POLICY_REQUIRE);
    fill_topology(cpu->topology);
    return TRUE;
}

/* ---- features, clock, lifecycle */

/* Chooses the oldest version that the accelerator has, because every guest knows it. */
static void
fill_gic(Fill *f)
{
    FeaturesDef *features = f->def->features;
    gboolean only_3 = caps_has(f->caps, "gic-3") && !caps_has(f->caps, "gic-2");

    if (!features)
        features = f->def->features = schema_new(&features_schema);
    features->gic = TRUE;
    default_int(&features->gic_version, only_3 ? GIC_3 : GIC_2);
}

gboolean
fill_features(Fill *f, GError **err G_GNUC_UNUSED)
{
    DomainDef *def = f->def;
    enum { IOAPIC_QEMU = 1 };

    if (board_has(f->board, BOARD_GIC))
        fill_gic(f);
    EACH (IommuDef, iommu, def->devices.iommus) {
        if (iommu->model == IOMMU_INTEL && iommu->intremap == ON) {
            if (!def->features)
                def->features = schema_new(&features_schema);
            default_int(&def->features->ioapic, IOAPIC_QEMU);
        }
    }
    if (def->features && def->features->hyperv)
        default_int(&def->features->hyperv->mode, HYPERV_CUSTOM);
    return TRUE;
}

static void
fill_clock(ClockDef *clock)
{
    default_int(&clock->offset, CLOCK_UTC);
    if (clock->offset != CLOCK_VARIABLE)
        return;
    clock->has_adjustment = TRUE;
    default_int(&clock->basis, CLOCK_BASIS_UTC);
}

gboolean
fill_lifecycle(Fill *f, GError **err G_GNUC_UNUSED)
{
    DomainDef *def = f->def;

    fill_clock(&def->clock);
    default_int(&def->on_poweroff, ACTION_DESTROY);
    default_int(&def->on_reboot, ACTION_RESTART);
    default_int(&def->on_crash, CRASH_DESTROY);
    return TRUE;
}

/* ---- what the firmware tells of the machine */

static const char *const bios_entries[] = { "vendor", "version", "date", "release", NULL };
static const char *const system_entries[] = { "manufacturer", "product", "version", "serial",
                                              "uuid",         "sku",     "family",  NULL };
static const char *const board_entries[] = { "manufacturer", "product",  "version", "serial",
                                             "asset",        "location", NULL };
static const char *const chassis_entries[] = { "manufacturer", "version", "serial",
                                               "asset",        "sku",     NULL };

static void
entry_free(SysinfoEntry *entry)
{
    g_free(entry->name);
    g_free(entry->file);
    g_free(entry->value);
    g_free(entry);
}

/* A block has its entries in its own order, each once, and no others. */
static void
fill_entries(GPtrArray **list, const char *const *names)
{
    GPtrArray *known = NULL;

    for (; *names; names++) {
        EACH (SysinfoEntry, entry, *list) {
            if (!entry || g_strcmp0(entry->name, *names) != 0 || !entry->value)
                continue;
            list_append(&known, entry);
            *entry_at = NULL;
            break;
        }
    }
    EACH (SysinfoEntry, unknown, *list)
        if (unknown)
            entry_free(unknown);
    g_clear_pointer(list, g_ptr_array_unref);
    *list = known;
}

static void
fill_boards(GPtrArray **boards)
{
    for (guint i = list_length(*boards); i-- > 0;) {
        SysinfoBlock *board = (*boards)->pdata[i];

        fill_entries(&board->entries, board_entries);
        if (board->entries)
            continue;
        g_free(board);
        list_remove(boards, i);
    }
}

gboolean
fill_sysinfo(Fill *f, GError **err G_GNUC_UNUSED)
{
    EACH (SysinfoDef, sysinfo, f->def->sysinfos) {
        fill_entries(&sysinfo->bios, bios_entries);
        fill_entries(&sysinfo->system, system_entries);
        fill_entries(&sysinfo->chassis, chassis_entries);
        fill_boards(&sysinfo->boards);
        EACH (SysinfoEntry, text, sysinfo->oem)
            g_clear_pointer(&text->name, g_free);
    }
    return TRUE;
}

/* ---- security labels */

/* A label of no security driver is one of the driver that labels nothing: we have no other. What
 * is wrong with one is left for the rules to say. */
static void
fill_seclabel(SeclabelDef *label)
{
    if (!label->model && label->type != SECLABEL_STATIC &&
        (label->relabel != NO || label->type == SECLABEL_NONE)) {
        label->model = g_strdup("none");
        label->type = SECLABEL_NONE;
        label->relabel = 0;
    }
    if (g_strcmp0(label->model, "none") == 0) {
        label->type = SECLABEL_NONE;
        label->relabel = 0;
    }
    if (label->type == SECLABEL_NONE && label->relabel == NO)
        label->relabel = 0;
    else if (label->type != SECLABEL_NONE)
        default_int(&label->relabel, label->type == SECLABEL_DYNAMIC ? YES : NO);
    /* A dynamic label is made at each start from the base label. */
    if (label->type != SECLABEL_STATIC)
        g_clear_pointer(&label->label, g_free);
    if (label->type != SECLABEL_DYNAMIC)
        g_clear_pointer(&label->baselabel, g_free);
}

/* Without a type it is the label that a domain would get anyway. */
gboolean
fill_seclabels(Fill *f, GError **err)
{
    GPtrArray **labels = &f->def->seclabels;

    for (guint i = list_length(*labels); i-- > 0;) {
        SeclabelDef *label = (*labels)->pdata[i];

        if (label->type || g_strcmp0(label->model, "none") == 0) {
            fill_seclabel(label);
            continue;
        }
        if (!label->model)
            return fail(err, ERR_XML, "seclabel: a label without a type needs a model");
        schema_free(&seclabel_schema, label);
        list_remove(labels, i);
    }
    return TRUE;
}
