/* The machine and what is around its devices: clock, boot, power, kernel, SMBIOS. */
#include "args_priv.h"

#include <string.h>

/* ---- -machine */

static void
put_switch(GString *s, const char *name, int value)
{
    if (value != 0)
        g_string_append_printf(s, ",%s=%s", name, value == ON ? "on" : "off");
}

const TimerDef *
args_timer(const DomainDef *def, int name)
{
    for (guint i = 0; i < list_length(def->clock.timers); i++)
        if (LIST_AT(TimerDef, def->clock.timers, i)->name == name)
            return LIST_AT(TimerDef, def->clock.timers, i);
    return NULL;
}

static gboolean
has_nvdimm(const DomainDef *def)
{
    for (guint i = 0; i < list_length(def->devices.memories); i++)
        if (LIST_AT(MemoryDevice, def->devices.memories, i)->model == MEMORY_NVDIMM)
            return TRUE;
    return FALSE;
}

static gboolean
has_numa(const DomainDef *def)
{
    return def->cpu != NULL && def->cpu->numa != NULL && list_length(def->cpu->numa->cells) > 0;
}

static void
put_memory_options(const ArgsOut *a, GString *s)
{
    const DomainDef *def = a->def;
    const char *ram = a->machine != NULL ? a->machine->ram_id : NULL;

    g_string_append_printf(s, ",dump-guest-core=%s", def->dump_core == ON ? "on" : "off");
    if (def->backing != NULL && def->backing->nosharepages)
        g_string_append(s, ",mem-merge=off");
    if (has_nvdimm(def))
        g_string_append(s, ",nvdimm=on");
    if (has_numa(def) && list_length(def->cpu->numa->interconnects) > 0)
        g_string_append(s, ",hmat=on");
    if (!has_numa(def) && ram != NULL && *ram != 0)
        g_string_append_printf(s, ",memory-backend=%s", ram);
}

static void
put_firmware_options(const ArgsOut *a, GString *s)
{
    const LoaderDef *loader = a->def->os.loader;
    const NvramDef *nvram = a->def->os.nvram;

    if (loader == NULL || loader->type != LOADER_PFLASH || loader->path == NULL)
        return;
    g_string_append(s, ",pflash0=libvirt-pflash0-format");
    if (nvram != NULL)
        g_string_append_printf(s, ",pflash1=libvirt-pflash1-%s",
                               nvram->format > FORMAT_RAW ? "format" : "storage");
}

static void
put_feature_options(const ArgsOut *a, GString *s)
{
    static const char *const irqchips[] = { NULL, "split", "on" };
    const FeaturesDef *f = a->def->features;

    if (f == NULL)
        return;
    put_switch(s, "smm", f->smm);
    put_switch(s, "vmport", f->vmport);
    put_switch(s, "i8042", f->ps2 == OFF ? OFF : 0);
    if (f->ioapic > 0 && f->ioapic < (int)G_N_ELEMENTS(irqchips))
        g_string_append_printf(s, ",kernel_irqchip=%s", irqchips[f->ioapic]);
}

static void
put_word(GString *s, const char *name, const char *word)
{
    if (word != NULL)
        g_string_append_printf(s, ",%s=%s", name, word);
}

/* Options of the machines of POWER and RISC-V only. */
static void
put_arch_options(const ArgsOut *a, GString *s)
{
    static const char *const resizings[] = { NULL, "enabled", "disabled", "required" };
    const FeaturesDef *f = a->def->features;

    if (f == NULL)
        return;
    if (f->hpt_resizing > 0 && f->hpt_resizing < (int)G_N_ELEMENTS(resizings))
        put_word(s, "resize-hpt", resizings[f->hpt_resizing]);
    if (f->hpt_maxpagesize != 0)
        g_string_append_printf(s, ",cap-hpt-max-page-size=%" G_GUINT64_FORMAT "k",
                               f->hpt_maxpagesize);
    put_switch(s, "cap-htm", f->htm);
    put_switch(s, "cap-nested-hv", f->nested_hv);
    put_switch(s, "cap-ccf-assist", f->ccf_assist);
    put_word(s, "cap-cfpc", word_of(mitigations, f->cfpc));
    put_word(s, "cap-sbbc", word_of(mitigations, f->sbbc));
    put_word(s, "cap-ibs", word_of(branch_mitigations, f->ibs));
    put_word(s, "aia", word_of(aia_modes, f->aia));
    put_switch(s, "ras", f->ras);
}

static gboolean
put_keywrap(const ArgsOut *a, GString *s, GError **err)
{
    static const char *const options[] = { NULL, "aes-key-wrap", "dea-key-wrap" };
    const GPtrArray *list = a->def->keywrap;

    if (list_length(list) > 0 && g_strcmp0(a->def->os.arch, "s390x") != 0)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "keywrap: architecture '%s' does not have it",
                    a->def->os.arch);
    for (guint i = 0; i < list_length(list); i++) {
        const KeywrapCipher *c = LIST_AT(KeywrapCipher, list, i);

        put_switch(s, options[CLAMP(c->name, 0, 2)], c->state);
    }
    return TRUE;
}

/* Arm's is a part of the machine. */
static void
put_iommu(const ArgsOut *a, GString *s)
{
    for (guint i = 0; i < list_length(a->def->devices.iommus); i++)
        if (LIST_AT(IommuDef, a->def->devices.iommus, i)->model == IOMMU_SMMUV3)
            put_word(s, "iommu", "smmuv3");
}

static void
put_gic(const ArgsOut *a, GString *s)
{
    static const char *const versions[] = { NULL, "2", "3", "host" };
    const FeaturesDef *f = a->def->features;
    int version = f != NULL ? f->gic_version : 0;

    if (a->e->gics->len > 0 && version > 0 && version < (int)G_N_ELEMENTS(versions))
        g_string_append_printf(s, ",gic-version=%s", versions[version]);
}

static void
put_speaker(const ArgsOut *a, GString *s)
{
    for (guint i = 0; i < list_length(a->def->devices.sounds); i++) {
        const SoundDef *sound = LIST_AT(SoundDef, a->def->devices.sounds, i);

        if (sound->model == SOUND_PCSPK)
            g_string_append_printf(s, ",pcspk-audiodev=audio%u", MAX(sound->audio_id, 1));
    }
}

static gboolean
put_accel(ArgsOut *a, GError **err)
{
    const FeaturesDef *f = a->def->features;
    guint64 tb_cache = f != NULL ? f->tb_cache : 0;

    if (a->def->virt_type == VIRT_KVM) {
        if (f != NULL && f->kvm != NULL && f->kvm->dirty_ring == ON)
            args_pairf(a, "-accel", "kvm,dirty-ring-size=%u", f->kvm->dirty_ring_size);
        else
            args_pair(a, "-accel", "kvm");
    } else if (tb_cache != 0) {
        args_pairf(a, "-accel", "tcg,tb-size=%" G_GUINT64_FORMAT, tb_cache / 1024);
    } else {
        args_pair(a, "-accel", "tcg");
    }
    return TRUE;
}

gboolean
args_put_machine(ArgsOut *a, GError **err)
{
    g_autoptr(GString) s = g_string_new(a->def->os.machine);
    const TimerDef *hpet = args_timer(a->def, TIMER_HPET);
    gboolean acpi = a->def->features != NULL && a->def->features->acpi;

    g_string_append(s, ",usb=off");
    if (!put_keywrap(a, s, err))
        return FALSE;
    put_feature_options(a, s);
    put_gic(a, s);
    put_arch_options(a, s);
    put_iommu(a, s);
    put_memory_options(a, s);
    put_firmware_options(a, s);
    put_speaker(a, s);
    if (hpet != NULL && hpet->present != 0 && guest_is_pc(a->def))
        put_switch(s, "hpet", hpet->present == YES ? ON : OFF);
    if (a->def->launch_security != NULL)
        g_string_append(s, ",confidential-guest-support=lsec0");
    if (args_choose_acpi(a))
        put_switch(s, "acpi", acpi ? ON : OFF);
    args_pair(a, "-machine", s->str);
    return put_accel(a, err);
}

/* ---- -rtc and the other timers */

static char *
rtc_base(const ClockDef *clock)
{
    gint64 seconds = 0;
    g_autoptr(GDateTime) time = NULL;

    switch ((ClockOffset)clock->offset) {
    case CLOCK_LOCALTIME:
    case CLOCK_TIMEZONE:
        return g_strdup("localtime");
    case CLOCK_ABSOLUTE:
        seconds = clock->start;
        break;
    case CLOCK_VARIABLE:
        seconds = g_get_real_time() / G_USEC_PER_SEC + clock->adjustment;
        break;
    case CLOCK_UTC:
        if (clock->adjustment == 0)
            return g_strdup("utc");
        seconds = g_get_real_time() / G_USEC_PER_SEC + clock->adjustment;
        break;
    }
    if (clock->offset == 0)
        return g_strdup("utc");
    time = g_date_time_new_from_unix_utc(seconds);
    return time != NULL ? g_date_time_format(time, "%Y-%m-%dT%H:%M:%S") : g_strdup("utc");
}

static void
put_rtc(ArgsOut *a)
{
    /* boot, guest, wall, realtime */
    static const char *const tracks[] = { NULL, NULL, "vm", "host", "rt" };
    enum { CATCHUP = 2 };
    g_autofree char *base = rtc_base(&a->def->clock);
    g_autoptr(GString) s = g_string_new("base=");
    const TimerDef *rtc = args_timer(a->def, TIMER_RTC);

    g_string_append(s, base);
    if (rtc != NULL && rtc->track > 0 && rtc->track < (int)G_N_ELEMENTS(tracks) &&
        tracks[rtc->track] != NULL)
        g_string_append_printf(s, ",clock=%s", tracks[rtc->track]);
    if (rtc != NULL && rtc->tickpolicy == CATCHUP)
        g_string_append(s, ",driftfix=slew");
    args_pair(a, "-rtc", s->str);
}

gboolean
args_put_clock(ArgsOut *a, GError **err)
{
    static const char *const policies[] = {
        "delay", [TICK_DELAY] = "delay", [TICK_DISCARD] = "discard"
    };
    const TimerDef *pit = args_timer(a->def, TIMER_PIT);

    put_rtc(a);
    if (pit != NULL && pit->tickpolicy < (int)G_N_ELEMENTS(policies) &&
        policies[pit->tickpolicy] != NULL && emulator_has_type(a->e, "kvm-pit"))
        args_pairf(a, "-global", "kvm-pit.lost_tick_policy=%s", policies[pit->tickpolicy]);
    return TRUE;
}

/* ---- -boot */

gboolean
args_put_boot(ArgsOut *a, GError **err)
{
    const OsDef *os = &a->def->os;
    g_autoptr(GString) s = g_string_new(NULL);

    args_add(a, "-no-shutdown");
    if (os->bootmenu != 0)
        g_string_append_printf(s, "menu=%s,", os->bootmenu == YES ? "on" : "off");
    if (os->has_bootmenu_timeout)
        g_string_append_printf(s, "splash-time=%u,", os->bootmenu_timeout);
    if (os->has_reboot_timeout)
        g_string_append_printf(s, "reboot-timeout=%d,", os->reboot_timeout);
    g_string_append(s, "strict=on");
    args_pair(a, "-boot", s->str);
    return TRUE;
}

/* ---- power management and other properties of the chip set */

static void
put_sleep(ArgsOut *a, const char *chip, const char *state, int enabled)
{
    if (enabled != 0)
        args_pairf(a, "-global", "%s.disable_%s=%d", chip, state, enabled == NO);
}

static void
put_pci_hole(ArgsOut *a)
{
    const ControllerDef *root = args_controller(a->def, CONTROLLER_PCI, 0);
    const char *host = domain_is_q35(a->def) ? "q35-pcihost" : "i440FX-pcihost";

    if (root == NULL || !guest_is_pc(a->def))
        return;
    if (root->has_pcihole64)
        args_pairf(a, "-global", "%s.pci-hole64-size=%" G_GUINT64_FORMAT "K", host,
                   root->pcihole64);
    if (root->pci != NULL && root->pci->hotplug != 0 && domain_is_i440fx(a->def))
        args_pairf(a, "-global", "PIIX4_PM.acpi-root-pci-hotplug=%s",
                   root->pci->hotplug == ON ? "on" : "off");
}

gboolean
args_put_pm(ArgsOut *a, GError **err)
{
    const char *chip = domain_is_q35(a->def) ? "ICH9-LPC" : "PIIX4_PM";
    const FeaturesDef *f = a->def->features;
    const LoaderDef *loader = a->def->os.loader;

    if (a->def->pm != NULL && guest_is_pc(a->def)) {
        put_sleep(a, chip, "s3", a->def->pm->suspend_to_mem);
        put_sleep(a, chip, "s4", a->def->pm->suspend_to_disk);
    }
    if (f != NULL && f->has_tseg)
        args_pairf(a, "-global", "mch.extended-tseg-mbytes=%" G_GUINT64_FORMAT, f->tseg >> 20);
    if (loader != NULL && loader->secure == YES)
        args_pair(a, "-global", "driver=cfi.pflash01,property=secure,value=on");
    put_pci_hole(a);
    return TRUE;
}

/* ---- kernel */

static void
put_fd_file(ArgsOut *a, const char *option, const char *path, const char *what)
{
    g_autofree char *name = path != NULL ? args_fd_path(a, path, what) : NULL;

    if (name != NULL)
        args_pair(a, option, name);
}

static void
put_acpi_tables(ArgsOut *a)
{
    static const char *const sigs[] = { [ACPI_SLIC] = "SLIC", [ACPI_MSDM] = "MSDM" };

    for (guint i = 0; i < list_length(a->def->os.acpi_tables); i++) {
        const AcpiTable *t = LIST_AT(AcpiTable, a->def->os.acpi_tables, i);
        g_autofree char *name = t->path ? args_fd_path(a, t->path, "ACPI table") : g_strdup("");
        g_autofree char *path = args_escape(name);
        const char *sig = t->type < (int)G_N_ELEMENTS(sigs) ? sigs[t->type] : NULL;

        if (sig != NULL)
            args_pairf(a, "-acpitable", "sig=%s,file=%s", sig, path);
        else
            args_pairf(a, "-acpitable", "file=%s", path);
    }
}

gboolean
args_put_kernel(ArgsOut *a, GError **err)
{
    const OsDef *os = &a->def->os;

    if (os->loader != NULL && os->loader->type != LOADER_PFLASH)
        put_fd_file(a, "-bios", os->loader->path, "loader");
    put_fd_file(a, "-kernel", os->kernel, "kernel");
    put_fd_file(a, "-initrd", os->initrd, "initrd");
    if (os->cmdline != NULL)
        args_pair(a, "-append", os->cmdline);
    put_fd_file(a, "-dtb", os->dtb, "device tree");
    put_fd_file(a, "-shim", os->shim, "shim");
    put_acpi_tables(a);
    return TRUE;
}

/* ---- SMBIOS and fw_cfg */

/* Names that documents use, and QEMU's where they differ. */
static const char *
smbios_key(const char *name)
{
    return g_str_equal(name, "bios_date") ? "date" : name;
}

enum { TABLE_BIOS, TABLE_SYSTEM, TABLE_BOARD, TABLE_CHASSIS, TABLE_OEM = 11 };

/* Boards and chassis of which nobody says who made them are nobody's: QEMU would say that it did.
 */
static gboolean
lacks_manufacturer(int type, const GPtrArray *entries)
{
    if (type != TABLE_BOARD && type != TABLE_CHASSIS)
        return FALSE;
    for (guint i = 0; i < list_length(entries); i++)
        if (g_str_equal(LIST_AT(SysinfoEntry, entries, i)->name, "manufacturer"))
            return FALSE;
    return TRUE;
}

static void
put_smbios_table(ArgsOut *a, int type, const GPtrArray *entries)
{
    g_autoptr(GString) s = g_string_new(NULL);

    if (list_length(entries) == 0)
        return;
    g_string_printf(s, "type=%d", type);
    if (lacks_manufacturer(type, entries))
        g_string_append(s, ",manufacturer=");
    for (guint i = 0; i < entries->len; i++) {
        const SysinfoEntry *e = LIST_AT(SysinfoEntry, entries, i);
        g_autofree char *value = args_escape(e->value != NULL ? e->value : "");

        if (type == TABLE_OEM)
            g_string_append_printf(s, ",value=%s", value);
        else
            g_string_append_printf(s, ",%s=%s", smbios_key(e->name), value);
    }
    args_pair(a, "-smbios", s->str);
}

static void
put_fw_cfg(ArgsOut *a, const GPtrArray *entries)
{
    for (guint i = 0; i < list_length(entries); i++) {
        const SysinfoEntry *e = LIST_AT(SysinfoEntry, entries, i);
        g_autofree char *name = args_escape(e->name);
        g_autofree char *opened = e->file != NULL ? args_fd_path(a, e->file, "fw_cfg file") : NULL;
        g_autofree char *value = args_escape(opened != NULL     ? opened
                                             : e->value != NULL ? e->value
                                                                : "");

        args_pairf(a, "-fw_cfg", "name=%s,%s=%s", name, e->file != NULL ? "file" : "string", value);
    }
}

gboolean
args_put_smbios(ArgsOut *a, GError **err)
{
    gboolean wanted = a->def->os.smbios == SMBIOS_SYSINFO, found = FALSE;

    for (guint i = 0; i < list_length(a->def->sysinfos); i++) {
        const SysinfoDef *s = LIST_AT(SysinfoDef, a->def->sysinfos, i);

        if (s->type == SYSINFO_FWCFG)
            put_fw_cfg(a, s->fwcfg);
        if (s->type == SYSINFO_FWCFG || !wanted)
            continue;
        found = TRUE;
        put_smbios_table(a, TABLE_BIOS, s->bios);
        put_smbios_table(a, TABLE_SYSTEM, s->system);
        for (guint b = 0; b < list_length(s->boards); b++)
            put_smbios_table(a, TABLE_BOARD, LIST_AT(SysinfoBlock, s->boards, b)->entries);
        put_smbios_table(a, TABLE_CHASSIS, s->chassis);
        put_smbios_table(a, TABLE_OEM, s->oem);
    }
    return found || !wanted ||
           fail(err, ERR_XML, "os: smbios mode 'sysinfo' needs a <sysinfo type='smbios'>");
}
