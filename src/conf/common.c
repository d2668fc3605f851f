/* Rows of the parts that several devices have: addresses, character sources, labels. */
#include "rows.h"

#include <string.h>

/* ---- addresses */

const char *const address_types[] = { NULL,         "pci",         "drive",     "virtio-serial",
                                      "ccid",       "usb",         "spapr-vio", "virtio-s390",
                                      "ccw",        "virtio-mmio", "isa",       "dimm",
                                      "unassigned", NULL };

#define PCI_ROWS(type, at, flags)                                                                  \
    ROW(type, "@domain", F_U32, at.domain, flags, HEX(4, G_MAXUINT32),                             \
        "PCI domain (segment) of the address; usually 0."),                                        \
        ROW(type, "@bus", F_U32, at.bus, flags, HEX(2, 0xff),                                      \
            "Number of the PCI bus: the index of the controller that has it."),                    \
        ROW(type, "@slot", F_U32, at.slot, flags, HEX(2, 0x1f),                                    \
            "Number of the slot on the bus, 0 to 31."),                                            \
        ROW(type, "@function", F_U32, at.function, flags, HEX_BARE(7),                             \
            "Number of the function in the slot, 0 to 7."),                                        \
        ROW(type, "@multifunction", F_ENUM, at.multifunction, 0, on_off,                           \
            "Whether further functions of the same slot are in use.")

static const Field zpci_fields[] = {
    ROW_HAS(ZpciAddress, "@uid", F_U32, uid, 0, HEX(4, G_MAXUINT32),
            "Identifier (UID) of the PCI function on s390x; without it a free one is chosen."),
    ROW_HAS(ZpciAddress, "@fid", F_U32, fid, 0, HEX(8, G_MAXUINT32),
            "Number (FID) of the PCI function on s390x; without it a free one is chosen."),
    ROW_END
};
static const Schema zpci_schema = { "zpci", sizeof(ZpciAddress), zpci_fields };

static const Field ccw_fields[] = {
    ROW_HAS(CcwAddress, "@cssid", F_U32, cssid, 0, HEX_BARE(G_MAXUINT32),
            "Number of the channel subsystem of s390x; 0xfe is the one for virtio devices."),
    ROW_HAS(CcwAddress, "@ssid", F_U32, ssid, 0, HEX_BARE(G_MAXUINT32),
            "Number of the subchannel set of s390x."),
    ROW_HAS(CcwAddress, "@devno", F_U32, devno, 0, HEX(4, G_MAXUINT32),
            "Number of the device in its subchannel set of s390x."),
    ROW_END
};
static const Schema ccw_schema = { "address", sizeof(CcwAddress), ccw_fields };

typedef struct BarePci {
    PciAddress pci;
} BarePci;

static const Field pci_address_fields[] = { PCI_ROWS(BarePci, pci, F_ALWAYS), ROW_END };
const Schema pci_address_schema = { "address", sizeof(PciAddress), pci_address_fields };

gboolean
pci_address_is_empty(const PciAddress *a)
{
    /* slot 0 of bus 0 is the board's own, whichever the function */
    return !a->domain && !a->bus && !a->slot;
}

static const NumSpec any_port = { 0, G_MAXUINT32 };

static const Field address_fields[] = {
    ROW(Address, "@type", F_ENUM, type, F_REQUIRED, address_types,
        "Kind of bus or memory that the device is attached to."),
    WHEN(Address, type, BIT(ADDRESS_PCI)),
    PCI_ROWS(Address, pci, F_ALWAYS),
    ROW(Address, "zpci", F_STRUCT, pci.zpci, 0, &zpci_schema,
        "Identifiers that s390x gives a PCI device besides its address."),
    WHEN(Address, type, BIT(ADDRESS_DRIVE)),
    ROW(Address, "@controller", F_U32, drive.controller, F_ALWAYS, NULL,
        "Index of the disk controller that the device is on."),
    ROW(Address, "@bus", F_U32, drive.bus, F_ALWAYS, NULL, "Number of the bus on that controller."),
    ROW(Address, "@target", F_U32, drive.target, F_ALWAYS, NULL,
        "Number of the target on that bus."),
    ROW(Address, "@unit", F_U32, drive.unit, F_ALWAYS, NULL,
        "Number of the unit (LUN) at that target."),
    WHEN(Address, type, BIT(ADDRESS_VIRTIO_SERIAL)),
    ROW(Address, "@controller", F_U32, vserial.controller, F_ALWAYS, NULL,
        "Index of the virtio-serial controller."),
    ROW(Address, "@bus", F_U32, vserial.bus, F_ALWAYS, NULL,
        "Number of the bus; 0 is the only one."),
    ROW(Address, "@port", F_U32, vserial.port, F_ALWAYS, &any_port,
        "Number of the port on that controller."),
    WHEN(Address, type, BIT(ADDRESS_CCID)),
    ROW(Address, "@controller", F_U32, ccid.controller, F_ALWAYS, NULL,
        "Index of the CCID controller."),
    ROW(Address, "@slot", F_U32, ccid.slot, F_ALWAYS, NULL,
        "Number of the slot on the smartcard controller."),
    WHEN(Address, type, BIT(ADDRESS_USB)),
    ROW(Address, "@bus", F_U32, usb.bus, F_ALWAYS, NULL,
        "Index of the USB controller that the device is on."),
    ROW(Address, "@port", F_STRING, usb.port, 0, NULL,
        "Port of the USB controller; 1.2 is port 2 of the hub that is at port 1."),
    WHEN(Address, type, BIT(ADDRESS_SPAPR_VIO)),
    ROW(Address, "@reg", F_U64, spapr.reg, 0, HEX(8, G_MAXUINT64),
        "Register of the device on the virtual bus of pSeries."),
    WHEN(Address, type, BIT(ADDRESS_CCW)),
    ROW(Address, "", F_STRUCT, ccw, 0, &ccw_schema, "Address on the channels of s390x."),
    WHEN(Address, type, BIT(ADDRESS_ISA)),
    ROW(Address, "@iobase", F_U32, isa.iobase, 0, HEX_ONLY(G_MAXUINT32),
        "First I/O port of the ISA device."),
    ROW(Address, "@irq", F_U32, isa.irq, 0, HEX_ONLY(G_MAXUINT32),
        "Number of the interrupt of the ISA device."),
    WHEN(Address, type, BIT(ADDRESS_DIMM)),
    ROW(Address, "@slot", F_U32, dimm.slot, F_ALWAYS | F_REQUIRED, NULL,
        "Number of the memory slot that the module is in."),
    ROW(Address, "@base", F_U64, dimm.base, 0, HEX_ONLY(G_MAXUINT64),
        "Guest physical address that the memory begins at."),
    WHEN_END,
    ROW_END
};

static gboolean
ccw_settle(const CcwAddress *a, GError **err)
{
    if (!a->has_cssid && !a->has_ssid && !a->has_devno)
        return TRUE;
    if (!a->has_cssid || !a->has_ssid || !a->has_devno)
        return fail(err, ERR_PLAIN,
                    "<address> of type 'ccw' needs all of 'cssid', 'ssid' and 'devno', or none");
    return (a->cssid <= 0xfe && a->ssid <= 3 && a->devno <= 0xffff) ||
           fail(err, ERR_PLAIN,
                "<address> of type 'ccw': 'cssid' is up to 0xfe, 'ssid' to 3, 'devno' to 0xffff");
}

/* A USB port is up to four numbers between dots; it ends before the first 0, and 0 is none. */
static gboolean
usb_port_settle(char **at, GError **err)
{
    enum { MAX_DEPTH = 4 };
    g_auto(GStrv) steps = *at ? g_strsplit(*at, ".", -1) : NULL;
    g_autoptr(GString) port = g_string_new(NULL);
    guint depth = *at ? g_strv_length(steps) : 0;
    gboolean ended = FALSE;

    if (!*at)
        return TRUE;
    for (guint i = 0; i < depth || depth == 0; i++) {
        guint64 n;

        if (depth == 0 || depth > MAX_DEPTH ||
            !g_ascii_string_to_unsigned(steps[i], 10, 0, G_MAXUINT32, &n, NULL))
            return fail(err, ERR_PLAIN, "Cannot parse <address> 'port' attribute");
        ended |= n == 0;
        if (!ended)
            g_string_append_printf(port, i ? ".%u" : "%u", (guint32)n);
    }
    g_free(*at);
    *at = port->len ? g_string_free(g_steal_pointer(&port), FALSE) : NULL;
    return TRUE;
}

static gboolean
address_settle(gpointer def, GError **err)
{
    Address *a = def;

    if (a->type == ADDRESS_CCW)
        return ccw_settle(&a->ccw, err);
    return a->type != ADDRESS_USB || usb_port_settle(&a->usb.port, err);
}

const Schema address_schema = { "address", sizeof(Address), address_fields, address_settle };

/* ---- what every device has */

static const Field rom_fields[] = {
    ROW(RomDef, "@enabled", F_ENUM, enabled, 0, yes_no,
        "Whether the guest sees an option ROM on the device."),
    ROW(RomDef, "@bar", F_ENUM, bar, 0, on_off,
        "Whether the option ROM is mapped into the guest's memory."),
    ROW(RomDef, "@file", F_STRING, file, 0, NULL,
        "Path of the option ROM's image on the host, in place of the device's own."),
    ROW_END
};
const Schema rom_schema = { "rom", sizeof(RomDef), rom_fields };

/* Aliases are chosen by the daemon and shown in live documents only, except those that a user has
 * chosen. */
static gboolean
alias_parse(const Field *f, const char *text, gpointer at, GError **err)
{
    if (!g_str_has_prefix(text, USER_ALIAS) ||
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") !=
            strlen(text))
        return TRUE;
    g_free(*(char **)at);
    *(char **)at = g_strdup(text);
    return TRUE;
}

void
text_format(const Field *f, gconstpointer at, GString *out)
{
    g_string_append(out, *(char *const *)at);
}

void
text_clear(gpointer at)
{
    g_clear_pointer((char **)at, g_free);
}

void
text_copy(gpointer to, gconstpointer from)
{
    *(char **)to = g_strdup(*(char *const *)from);
}

gboolean
text_equal(gconstpointer a, gconstpointer b)
{
    return g_strcmp0(*(char *const *)a, *(char *const *)b) == 0;
}

static gboolean
is_user_alias(gconstpointer at)
{
    const char *alias = *(char *const *)at;

    return alias && g_str_has_prefix(alias, USER_ALIAS);
}

static gboolean
is_own_alias(gconstpointer at)
{
    return *(char *const *)at && !is_user_alias(at);
}

static gboolean
never_differs(gconstpointer a, gconstpointer b)
{
    return TRUE;
}

static const FieldType user_alias = { "alias",     NULL,        sizeof(char *),
                                      alias_parse, text_format, is_user_alias,
                                      text_clear,  text_copy,   text_equal };
/* The same member, written in live documents only; the row before owns it. */
static const FieldType own_alias = { "alias",      NULL, sizeof(char *), NULL,         text_format,
                                     is_own_alias, NULL, NULL,           never_differs };

typedef struct BootOrder {
    guint32 order;
} BootOrder;

static const Field boot_fields[] = { ROW(BootOrder, "@order", F_U32, order, F_REQUIRED,
                                         RANGE(1, G_MAXUINT32),
                                         "Place in the firmware's order of boot devices, from 1."),
                                     ROW_END };
static const Schema boot_schema = { "boot", sizeof(BootOrder), boot_fields };

static const Field device_info_fields[] = {
    ROW(DeviceInfo, "boot", F_STRUCT, boot_order, 0, &boot_schema,
        "Place of the device in the firmware's boot order."),
    ROW(DeviceInfo, "boot/@loadparm", F_STRING, loadparm, 0, NULL,
        "Boot parameter of s390, up to eight characters."),
    ROW(DeviceInfo, "alias/@name", F_OWN, alias, 0, &user_alias,
        "Name of the device; one given by a user begins with ua-."),
    ROW(DeviceInfo, "alias/@name", F_STRING, alias, F_LIVE | F_READ, NULL, NULL),
    ROW(DeviceInfo, "alias/@name", F_OWN, alias, F_LIVE | F_WRITE, &own_alias, NULL),
    ROW(DeviceInfo, "master", F_FLAG, has_master, F_READ, NULL, NULL),
    ROW_HAS(DeviceInfo, "master/@startport", F_U32, startport, 0, NULL,
            "First port of the shared bus that this USB companion serves."),
    ROW(DeviceInfo, "rom", F_PTR, rom, 0, &rom_schema, "The option ROM of the device."),
    ROW(DeviceInfo, "acpi/@index", F_U32, acpi_index, 0, RANGE(1, G_MAXUINT32),
        "ACPI index, which names a network card in the guest."),
    ROW(DeviceInfo, "address", F_STRUCT, address, 0, &address_schema,
        "Address of the device in the guest; without it a free one is chosen."),
    ROW_END
};

static gboolean
is_loadparm(const char *text)
{
    return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789. ") == strlen(text);
}

static gboolean
device_info_settle(gpointer def, GError **err)
{
    DeviceInfo *info = def;
    RomDef *rom = info->rom;

    for (char *p = info->loadparm; p && *p; p++)
        *p = g_ascii_toupper(*p);
    if (info->loadparm &&
        (!*info->loadparm || strlen(info->loadparm) > 8 || !is_loadparm(info->loadparm)))
        return fail(err, ERR_PLAIN,
                    "loadparm '%s' is not made of 1 to 8 letters, digits, dots and blanks",
                    info->loadparm);
    if (!rom)
        return TRUE;
    if (rom->enabled == NO && (rom->bar || rom->file))
        return fail(err, ERR_CONFIG_UNSUPPORTED, "'rom' has settings but enabled='no'");
    if (!rom->enabled && !rom->bar && !rom->file) {
        schema_free(&rom_schema, rom);
        info->rom = NULL;
    }
    return TRUE;
}

const Schema device_info_schema = { "info", sizeof(DeviceInfo), device_info_fields,
                                    device_info_settle };

static const Field virtio_options_fields[] = {
    ROW(VirtioOptions, "driver/@iommu", F_ENUM, iommu, 0, on_off,
        "Whether the virtio device translates addresses through the guest's IOMMU."),
    ROW(VirtioOptions, "driver/@ats", F_ENUM, ats, 0, on_off,
        "Whether the virtio device uses the address translation service (ATS) of PCI."),
    ROW(VirtioOptions, "driver/@packed", F_ENUM, packed, 0, on_off,
        "Whether the queues of the virtio device have the packed layout."),
    ROW(VirtioOptions, "driver/@page_per_vq", F_ENUM, page_per_vq, 0, on_off,
        "Whether each queue has a notification page of its own."),
    ROW_END
};
const Schema virtio_options_schema = { "driver", sizeof(VirtioOptions), virtio_options_fields };

const char *const virtio_models[] = { NULL, "virtio", "virtio-transitional",
                                      "virtio-non-transitional", NULL };

/* ---- security labels */

static const char *const seclabel_types[] = { NULL, "dynamic", "static", "none", NULL };

static const Field seclabel_fields[] = {
    ROW(SeclabelDef, "@type", F_ENUM, type, 0, seclabel_types,
        "Whether vmd makes the label at each start (dynamic), it is given here (static), "
        "or none is set."),
    ROW(SeclabelDef, "@model", F_STRING, model, 0, NULL,
        "Security driver that the label is for: dac, selinux or apparmor."),
    ROW(SeclabelDef, "@relabel", F_ENUM, relabel, 0, yes_no,
        "Whether the files that the domain uses are relabelled too."),
    ROW(SeclabelDef, "label", F_STRING, label, 0, NULL, "Label that QEMU runs with."),
    ROW(SeclabelDef, "imagelabel", F_STRING, imagelabel, F_LIVE, NULL,
        "Label that the domain's images have while it runs."),
    ROW(SeclabelDef, "baselabel", F_STRING, baselabel, 0, NULL,
        "Label that a dynamic label is derived from."),
    ROW_END
};
const Schema seclabel_schema = { "seclabel", sizeof(SeclabelDef), seclabel_fields };

static const Field source_seclabel_fields[] = {
    ROW(SeclabelDef, "@model", F_STRING, model, 0, NULL,
        "Security driver that the label is for: dac, selinux or apparmor."),
    ROW(SeclabelDef, "@labelskip", F_ENUM, labelskip, F_LIVE, yes_no,
        "Whether the image could not be labelled when the domain started."),
    ROW(SeclabelDef, "@relabel", F_ENUM, relabel, 0, yes_no, "Whether this source is relabelled."),
    ROW(SeclabelDef, "label", F_STRING, label, 0, NULL, "Label that this source gets."), ROW_END
};

static gboolean
source_seclabel_settle(gpointer def, GError **err)
{
    SeclabelDef *s = def;
    const char *model = s->model ? s->model : "";

    if (s->label && s->relabel == NO)
        return fail(err, ERR_XML, "seclabel '%s' has a label but no relabelling", model);
    if (!s->label && s->relabel == YES)
        return fail(err, ERR_XML, "seclabel '%s' is to relabel but has no label", model);
    if (s->label)
        s->relabel = YES;
    return TRUE;
}

const Schema source_seclabel_schema = { "seclabel", sizeof(SeclabelDef), source_seclabel_fields,
                                        source_seclabel_settle };

/* Keeps one label of each model; empty ones are dropped. */
gboolean
source_seclabels_settle(GPtrArray **list, GError **err)
{
    for (guint i = 0; *list && i < (*list)->len;) {
        SeclabelDef *s = (*list)->pdata[i];

        if (s->relabel || s->labelskip) {
            i++;
            continue;
        }
        g_ptr_array_remove_index(*list, i);
        schema_free(&source_seclabel_schema, s);
    }
    if (*list && (*list)->len == 0)
        g_clear_pointer(list, g_ptr_array_unref);
    return TRUE;
}

gboolean
path_is_of_a_run(const char *path)
{
    const char *folder = strstr(path, "/vmd/qemu/");
    guint8 uuid[UUID_LEN];
    g_autofree char *name = NULL;

    if (strstr(path, "/libvirt/qemu/domain-") || strstr(path, "/vmd/qemu/domain-"))
        return TRUE;
    if (!folder)
        return FALSE;
    folder += strlen("/vmd/qemu/");
    name = g_strndup(folder, strcspn(folder, "/"));
    return folder[strlen(name)] == '/' && strlen(name) == UUID_TEXT_LEN - 1 &&
           uuid_parse(name, uuid);
}

gboolean
path_is_installed(const char *path)
{
    g_autofree char *whole = g_canonicalize_filename(path, "/");

    return g_str_has_prefix(whole, "/usr/") && !g_str_has_prefix(whole, "/usr/local/");
}
