/* Domain capabilities: what a domain of one emulator, machine and accelerator may ask for. A value
 * stands in a table with the thing that QEMU must have for it; only what is there is written. */
#include "cpu.h"
#include "firmware.h"
#include "hostcaps.h"

#include <string.h>
#include <unistd.h>

typedef struct DomcapsSubject {
    const Emulator *emulator;
    const Machine *machine;
    Accel accel;
} DomcapsSubject;

/* The conditions under which a value is offered; all given ones must hold. */
typedef struct DomcapsValue {
    const char *value;
    const char *types; /* QOM types, any of them; NULL: none needed */
    guint64 able;      /* bits of Ability; 0: none needed */
    gboolean (*when)(const DomcapsSubject *s);
} DomcapsValue;

#define ABLE(what) (G_GUINT64_CONSTANT(1) << (what))

static gboolean
any_type(const Emulator *e, const char *types)
{
    g_auto(GStrv) names = g_strsplit(types, " ", 0);

    for (guint i = 0; names[i] != NULL; i++)
        if (emulator_has_type(e, names[i]))
            return TRUE;
    return FALSE;
}

static gboolean
value_holds(const DomcapsSubject *s, const DomcapsValue *v)
{
    return (v->types == NULL || any_type(s->emulator, v->types)) &&
           (s->emulator->able & v->able) == v->able && (v->when == NULL || v->when(s));
}

static void
put_enum(XmlOut *x, const DomcapsSubject *s, const char *name, const DomcapsValue *values)
{
    guint n = 0;

    for (guint i = 0; values[i].value != NULL; i++) {
        if (!value_holds(s, &values[i]))
            continue;
        if (n++ == 0)
            xml_open(x, "enum", "name", name, NULL);
        xml_text(x, "value", values[i].value, NULL);
    }
    if (n > 0)
        xml_close(x, "enum");
    else
        xml_leaf(x, "enum", "name", name, NULL);
}

/* ---- conditions */

static gboolean
machine_is(const DomcapsSubject *s, const char *prefix)
{
    return g_str_has_prefix(s->machine->name, prefix);
}

static gboolean
when_pc(const DomcapsSubject *s)
{
    return machine_is(s, "pc-i440fx");
}

static gboolean
when_isa(const DomcapsSubject *s)
{
    return machine_is(s, "pc-") || machine_is(s, "isapc");
}

static gboolean
when_x86(const DomcapsSubject *s)
{
    return g_str_equal(s->emulator->arch, "x86_64") || g_str_equal(s->emulator->arch, "i686");
}

static gboolean
when_vfio(const DomcapsSubject *s)
{
    return access("/dev/vfio/vfio", F_OK) == 0;
}

static gboolean
when_swtpm(const DomcapsSubject *s)
{
    return swtpm_is_there();
}

static gboolean
when_passt(const DomcapsSubject *s)
{
    g_autofree char *path = g_find_program_in_path("passt");

    return path != NULL;
}

static gboolean
tpm_type(const DomcapsSubject *s, const char *type)
{
    for (guint i = 0; i < s->emulator->tpm_types->len; i++)
        if (g_str_equal(s->emulator->tpm_types->pdata[i], type))
            return TRUE;
    return FALSE;
}

static gboolean
when_tpm_passthrough(const DomcapsSubject *s)
{
    return tpm_type(s, "passthrough");
}

static gboolean
when_tpm_emulator(const DomcapsSubject *s)
{
    return tpm_type(s, "emulator");
}

static gboolean
when_tpm_swtpm(const DomcapsSubject *s)
{
    return tpm_type(s, "emulator") && when_swtpm(s);
}

/* ---- the tables */

#define VIRTIO(device)                                                                             \
    { "virtio", "virtio-" device "-pci virtio-" device "-device virtio-" device "-ccw" },          \
        { "virtio-transitional", "virtio-" device "-pci-transitional" },                           \
    {                                                                                              \
        "virtio-non-transitional", "virtio-" device "-pci-non-transitional"                        \
    }

typedef struct Enum {
    const char *name;
    const DomcapsValue *values;
} Enum;

typedef struct DeviceRow {
    const char *element;
    const char *types; /* without any of these it is not supported; NULL: it always is */
    Enum enums[6];
} DeviceRow;

#define VALUES (const DomcapsValue[])

static const DeviceRow memory_backing = {
    "memoryBacking",
    NULL,
    { { "sourceType", VALUES{ { "file", "memory-backend-file" },
                              { "anonymous", "memory-backend-ram" },
                              { "memfd", "memory-backend-memfd" },
                              { 0 } } } },
};

static const DeviceRow devices[] = {
    { "disk",
      NULL,
      { { "diskDevice", VALUES{ { "disk" }, { "cdrom" }, { "floppy" }, { "lun" }, { 0 } } },
        { "bus", VALUES{ { "ide", "ide-hd", 0, when_pc },
                         { "fdc", "isa-fdc" },
                         { "scsi", "scsi-hd" },
                         { "virtio", "virtio-blk-pci virtio-blk-device virtio-blk-ccw" },
                         { "usb", "usb-storage" },
                         { "sata", "ich9-ahci ahci" },
                         { 0 } } },
        { "model", VALUES{ VIRTIO("blk"), { 0 } } } } },
    { "graphics",
      NULL,
      { { "type", VALUES{ { "sdl", NULL, ABLE(ABLE_SDL) },
                          { "vnc", NULL, ABLE(ABLE_VNC) },
                          { "spice", NULL, ABLE(ABLE_SPICE) },
                          { "egl-headless", NULL, ABLE(ABLE_EGL_HEADLESS) },
                          { "dbus", NULL, ABLE(ABLE_DBUS_DISPLAY) },
                          { 0 } } } } },
    { "video",
      NULL,
      { { "modelType", VALUES{ { "vga", "VGA" },
                               { "cirrus", "cirrus-vga" },
                               { "vmvga", "vmware-svga" },
                               { "qxl", "qxl" },
                               { "virtio", "virtio-gpu-pci virtio-gpu-device virtio-gpu-ccw" },
                               { "none" },
                               { "bochs", "bochs-display" },
                               { "ramfb", "ramfb" },
                               { 0 } } } } },
    { "hostdev",
      NULL,
      { { "mode", VALUES{ { "subsystem" }, { 0 } } },
        { "startupPolicy",
          VALUES{ { "default" }, { "mandatory" }, { "requisite" }, { "optional" }, { 0 } } },
        { "subsysType",
          VALUES{
              { "usb", "usb-host" }, { "pci", "vfio-pci" }, { "scsi", "scsi-generic" }, { 0 } } },
        { "capsType", VALUES{ { 0 } } },
        { "pciBackend", VALUES{ { "default", "vfio-pci", 0, when_vfio },
                                { "vfio", "vfio-pci", 0, when_vfio },
                                { 0 } } } } },
    { "rng",
      "virtio-rng-pci virtio-rng-device virtio-rng-ccw",
      { { "model", VALUES{ VIRTIO("rng"), { 0 } } },
        { "backendModel", VALUES{ { "random", "rng-random" },
                                  { "egd", "rng-egd" },
                                  { "builtin", "rng-builtin" },
                                  { 0 } } } } },
    { "filesystem",
      "virtio-9p-pci virtio-9p-device virtio-9p-ccw vhost-user-fs-pci",
      { { "driverType", VALUES{ { "path", "virtio-9p-pci virtio-9p-device virtio-9p-ccw" },
                                { "handle", "virtio-9p-pci virtio-9p-device virtio-9p-ccw" },
                                { "virtiofs", "vhost-user-fs-pci vhost-user-fs-device" },
                                { 0 } } } } },
    { "tpm",
      "tpm-tis tpm-crb tpm-spapr tpm-tis-device",
      { { "model", VALUES{ { "tpm-tis", "tpm-tis tpm-tis-device" },
                           { "tpm-crb", "tpm-crb" },
                           { "tpm-spapr", "tpm-spapr" },
                           { 0 } } },
        { "backendModel", VALUES{ { "passthrough", NULL, 0, when_tpm_passthrough },
                                  { "emulator", NULL, 0, when_tpm_emulator },
                                  { "external", NULL, 0, when_tpm_emulator },
                                  { 0 } } },
        { "backendVersion", VALUES{ { "1.2", NULL, 0, when_tpm_swtpm },
                                    { "2.0", NULL, 0, when_tpm_swtpm },
                                    { 0 } } } } },
    { "redirdev", "usb-redir", { { "bus", VALUES{ { "usb" }, { 0 } } } } },
    { "channel",
      NULL,
      { { "type",
          VALUES{ { "pty" }, { "unix" }, { "spicevmc", NULL, ABLE(ABLE_SPICE) }, { 0 } } } } },
    { "crypto",
      "virtio-crypto-pci virtio-crypto-device virtio-crypto-ccw",
      { { "model", VALUES{ { "virtio" }, { 0 } } },
        { "type", VALUES{ { "qemu" }, { 0 } } },
        { "backendModel", VALUES{ { "builtin", "cryptodev-backend-builtin" },
                                  { "lkcf", "cryptodev-backend-lkcf" },
                                  { 0 } } } } },
    { "interface",
      NULL,
      { { "backendType", VALUES{ { "default" }, { "passt", NULL, 0, when_passt }, { 0 } } } } },
    { "panic",
      "pvpanic pvpanic-pci",
      { { "model", VALUES{ { "isa", "pvpanic", 0, when_x86 },
                           { "hyperv", NULL, 0, when_x86 },
                           { "pvpanic", "pvpanic-pci" },
                           { 0 } } } } },
};

static void
put_device(XmlOut *x, const DomcapsSubject *s, const DeviceRow *d)
{
    if (d->types != NULL && !any_type(s->emulator, d->types)) {
        xml_leaf(x, d->element, "supported", "no", NULL);
        return;
    }
    xml_open(x, d->element, "supported", "yes", NULL);
    for (guint i = 0; i < G_N_ELEMENTS(d->enums) && d->enums[i].name != NULL; i++)
        put_enum(x, s, d->enums[i].name, d->enums[i].values);
    xml_close(x, d->element);
}

static gboolean
when_sev(const DomcapsSubject *s)
{
    return s->accel == ACCEL_KVM && emulator_able(s->emulator, ABLE_SEV);
}

static gboolean
when_sgx(const DomcapsSubject *s)
{
    return s->accel == ACCEL_KVM && emulator_able(s->emulator, ABLE_SGX);
}

static gboolean
when_ps2(const DomcapsSubject *s)
{
    return when_isa(s);
}

static const DomcapsValue feature_rows[] = {
    { "vmcoreinfo", "vmcoreinfo" },
    { "genid", "vmgenid" },
    { "backingStoreInput" },
    { "backup", NULL, ABLE(ABLE_BACKUP) },
    { "async-teardown", NULL, 0, NULL },
    { "ps2", NULL, 0, when_ps2 },
    { "sev", NULL, 0, when_sev },
    { "sgx", NULL, 0, when_sgx },
    { 0 },
};

static void
put_gic(XmlOut *x, const Emulator *e)
{
    if (e->gics->len == 0) {
        xml_leaf(x, "gic", "supported", "no", NULL);
        return;
    }
    xml_open(x, "gic", "supported", "yes", NULL);
    xml_open(x, "enum", "name", "version", NULL);
    for (guint i = 0; i < e->gics->len; i++)
        xml_text(x, "value", e->gics->pdata[i], NULL);
    xml_close(x, "enum");
    xml_close(x, "gic");
}

/* Spinlocks and the vendor are only words in CPUID: they need nothing of the host. */
static gboolean
hyperv_has(const DomcapsSubject *s, const char *name)
{
    if (g_str_equal(name, "spinlocks") || g_str_equal(name, "vendor_id"))
        return TRUE;
    for (guint i = 0; s->accel == ACCEL_KVM && i < s->emulator->hyperv->len; i++)
        if (g_str_equal(s->emulator->hyperv->pdata[i], name))
            return TRUE;
    return FALSE;
}

static void
put_hyperv(XmlOut *x, const DomcapsSubject *s)
{
    static const char *const names[] = {
        "relaxed", "vapic", "spinlocks", "vpindex",     "runtime",         "synic",
        "stimer",  "reset", "vendor_id", "frequencies", "reenlightenment", "tlbflush",
        "ipi",     "evmcs", "avic",      "emsr_bitmap", "xmm_input",
    };

    if (!when_x86(s)) {
        xml_leaf(x, "hyperv", "supported", "no", NULL);
        return;
    }
    xml_open(x, "hyperv", "supported", "yes", NULL);
    xml_open(x, "enum", "name", "features", NULL);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (hyperv_has(s, names[i]))
            xml_text(x, "value", names[i], NULL);
    xml_close(x, "enum");
    xml_close(x, "hyperv");
}

static void
put_features(XmlOut *x, const DomcapsSubject *s)
{
    xml_open(x, "features", NULL);
    put_gic(x, s->emulator);
    for (guint i = 0; feature_rows[i].value != NULL; i++)
        xml_leaf(x, feature_rows[i].value, "supported",
                 value_holds(s, &feature_rows[i]) ? "yes" : "no", NULL);
    put_hyperv(x, s);
    if (when_sev(s)) {
        xml_open(x, "launchSecurity", "supported", "yes", NULL);
        xml_open(x, "enum", "name", "sectype", NULL);
        xml_text(x, "value", "sev", NULL);
        xml_close(x, "enum");
        xml_close(x, "launchSecurity");
    } else {
        xml_leaf(x, "launchSecurity", "supported", "no", NULL);
    }
    xml_close(x, "features");
}

/* ---- <os> */

static void
put_yes_no(XmlOut *x, const char *name, gboolean yes, gboolean no)
{
    xml_open(x, "enum", "name", name, NULL);
    if (yes)
        xml_text(x, "value", "yes", NULL);
    if (no)
        xml_text(x, "value", "no", NULL);
    xml_close(x, "enum");
}

static void
put_os(XmlOut *x, const DomcapsSubject *s)
{
    g_autoptr(GPtrArray) list = firmware_list();
    gboolean efi = FALSE, bios = FALSE, secure = FALSE;

    xml_open(x, "os", "supported", "yes", NULL);
    for (guint i = list->len; i > 0; i--) {
        const Firmware *f = list->pdata[i - 1];

        if (!firmware_fits(f, s->emulator->arch, s->machine->name)) {
            g_ptr_array_remove_index(list, i - 1);
            continue;
        }
        efi |= f->uefi;
        bios |= f->bios;
        secure |= (f->features & FW_SECURE_BOOT) && (f->features & FW_REQUIRES_SMM);
    }
    if (efi || bios)
        xml_open(x, "enum", "name", "firmware", NULL);
    else
        xml_leaf(x, "enum", "name", "firmware", NULL);
    xml_text(x, "value", bios ? "bios" : NULL, NULL);
    xml_text(x, "value", efi ? "efi" : NULL, NULL);
    if (efi || bios)
        xml_close(x, "enum");
    xml_open(x, "loader", "supported", "yes", NULL);
    for (guint i = 0; i < list->len; i++)
        xml_text(x, "value", ((Firmware *)list->pdata[i])->path, NULL);
    xml_open(x, "enum", "name", "type", NULL);
    xml_text(x, "value", "rom", NULL);
    xml_text(x, "value", "pflash", NULL);
    xml_close(x, "enum");
    put_yes_no(x, "readonly", TRUE, TRUE);
    put_yes_no(x, "secure", secure, TRUE);
    xml_close(x, "loader");
    xml_close(x, "os");
}

char *
domcaps_format(const Emulator *e, const char *arch, const Machine *machine, gboolean kvm)
{
    XmlOut x = { g_string_new(NULL), 0 };
    DomcapsSubject s = { e, machine, kvm ? ACCEL_KVM : ACCEL_TCG };

    xml_open(&x, "domainCapabilities", NULL);
    xml_text(&x, "path", e->path, NULL);
    xml_text(&x, "domain", kvm ? "kvm" : "qemu", NULL);
    xml_text(&x, "machine", machine->name, NULL);
    xml_text(&x, "arch", arch, NULL);
    xml_leaf(&x, "vcpu", "max", xml_number(machine->max_cpus), NULL);
    xml_leaf(&x, "iothreads", "supported", emulator_has_type(e, "iothread") ? "yes" : "no", NULL);
    put_os(&x, &s);
    cpu_put_modes(&x, e, s.accel);
    put_device(&x, &s, &memory_backing);
    xml_open(&x, "devices", NULL);
    for (guint i = 0; i < G_N_ELEMENTS(devices); i++)
        put_device(&x, &s, &devices[i]);
    xml_close(&x, "devices");
    put_features(&x, &s);
    xml_close(&x, "domainCapabilities");
    return g_string_free(x.text, FALSE);
}
