/* Rules of what the guest boots from: firmware, its variables, boot order, ACPI tables. */
#include "check.h"

static gboolean
check_loader(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const LoaderDef *l = def->os.loader;

    if (!l)
        return TRUE;
    if (l->format && l->format != FORMAT_RAW && l->format != FORMAT_QCOW2)
        return fail(err, ERR_XML, "loader: format '%s', only 'raw' and 'qcow2' are supported",
                    word_of(disk_formats, l->format));
    if (l->type == LOADER_ROM && l->stateless == NO)
        return fail(err, ERR_XML_DETAIL, "loader: stateless 'no' needs type 'pflash', not 'rom'");
    return TRUE;
}

static gboolean
check_secure_loader(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const LoaderDef *l = def->os.loader;

    if (!l || l->secure != YES || !domain_is_x86(def))
        return TRUE;
    if (!domain_is_q35(def))
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "loader: secure 'yes' needs a q35 machine, not '%s'", def->os.machine);
    return (def->features && def->features->smm == ON) ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "loader: secure 'yes' needs the feature 'smm'");
}

static gboolean
check_uefi_acpi(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const LoaderDef *l = def->os.loader;
    gboolean uefi = def->os.firmware == FIRMWARE_EFI || (l && l->type == LOADER_PFLASH);

    return !uefi || !domain_is_x86(def) || (def->features && def->features->acpi) ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "os: UEFI needs the feature 'acpi'");
}

static gboolean
check_nvram(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const guint can = BIT(SOURCE_NONE) | BIT(SOURCE_FILE) | BIT(SOURCE_BLOCK) | BIT(SOURCE_NETWORK);
    const NvramDef *n = def->os.nvram;

    if (!n)
        return TRUE;
    if (n->format && n->format != FORMAT_RAW && n->format != FORMAT_QCOW2)
        return fail(err, ERR_XML, "nvram: format '%s', only 'raw' and 'qcow2' are supported",
                    word_of(disk_formats, n->format));
    return (can & BIT(n->source.type)) ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "nvram: type '%s', only 'file', 'block' and 'network' are supported",
                word_of(source_types, n->source.type));
}

static gboolean
check_acpi_tables(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    guint had = 0;

    EACH (AcpiTable, t, def->os.acpi_tables) {
        if (t->type != ACPI_RAW && (had & BIT(t->type)))
            return fail(err, ERR_XML, "acpi table '%s': only one of its type is allowed",
                        t->path ? t->path : "");
        had |= BIT(t->type);
    }
    return !(had & BIT(ACPI_RAWSET)) ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "acpi table: type 'rawset' is not supported by QEMU");
}

static gboolean
check_useserial(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    return def->os.useserial != YES || def->devices.serials ||
           fail(err, ERR_XML, "bios: useserial 'yes' needs a <serial> device");
}

static gboolean
check_timeouts(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    const OsDef *os = &def->os;

    if (os->has_bootmenu_timeout && os->bootmenu_timeout > G_MAXUINT16)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "bootmenu: timeout %u is not in 0-%u",
                    os->bootmenu_timeout, G_MAXUINT16);
    return !os->has_reboot_timeout ||
           (os->reboot_timeout >= -1 && os->reboot_timeout <= G_MAXUINT16) ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "bios: rebootTimeout %d is not in -1-%u",
                os->reboot_timeout, G_MAXUINT16);
}

const Rule firmware_rules[] = {
    { "os/loader", check_loader },
    { "os/loader/@secure", check_secure_loader },
    { "os with UEFI", check_uefi_acpi },
    { "os/nvram", check_nvram },
    { "os/acpi", check_acpi_tables },
    { "os/bios/@useserial", check_useserial },
    { "os/bootmenu/@timeout, os/bios/@rebootTimeout", check_timeouts },
    { NULL },
};
