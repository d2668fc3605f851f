/* The machines, one row each: the devices that QEMU's boards have by themselves, and the defaults
 * for choices that a document leaves open. The first matching row counts; the last row of an
 * architecture is for all other machines. */
#include "board.h"

#include <string.h>

#define X86   "x86_64 i686"
#define ARM   "aarch64 armv7l armv6l"
#define ARM32 "armv7l armv6l"
#define RISCV "riscv64 riscv32"
#define POWER "ppc64 ppc64le"

/* Every architecture's own. */
#define OF_X86                                                                                     \
    .usb_model = MODEL_PIIX3_UHCI, .scsi_model = MODEL_LSILOGIC, .nic = "rtl8139",                 \
    .video = VIDEO_CIRRUS, .input_bus = INPUT_PS2, .serial = SERIAL_ISA, .panic = PANIC_ISA,       \
    .tpm = TPM_TIS
#define X86_FLAGS (BOARD_BALLOON | BOARD_CPU | BOARD_HYPERV)
#define OF_ARM(nic_model, usb_default)                                                             \
    .usb_model = usb_default, .scsi_model = MODEL_LSILOGIC, .nic = nic_model,                      \
    .video = VIDEO_CIRRUS, .input_bus = INPUT_USB, .serial_model = SERIAL_MODEL_PL011,             \
    .tpm = TPM_TIS
#define ARM_FLAGS (BOARD_LOOSE | BOARD_MMIO | BOARD_CPU | BOARD_HYPERV)
#define OF_ARM_VIRT(usb_default, more)                                                             \
    .root = MODEL_PCIE_ROOT, .usb_model = usb_default, .scsi_model = MODEL_LSILOGIC,               \
    .nic = "virtio", .video = VIDEO_VIRTIO, .input_bus = INPUT_USB, .serial = SERIAL_SYSTEM,       \
    .serial_model = SERIAL_MODEL_PL011, .panic = PANIC_PVPANIC, .tpm = TPM_TIS,                    \
    .virtio = ADDRESS_PCI, .flags = ARM_FLAGS | BOARD_GIC | more
#define OF_OTHERS(scsi)                                                                            \
    .usb_model = MODEL_PIIX3_UHCI, .scsi_model = scsi, .nic = "rtl8139", .video = VIDEO_CIRRUS,    \
    .input_bus = INPUT_USB, .serial_model = SERIAL_MODEL_16550A, .tpm = TPM_TIS
#define OF_POWER                                                                                   \
    .root = MODEL_PCI_ROOT, .usb = MODEL_QEMU_XHCI, .usb_model = MODEL_QEMU_XHCI,                  \
    .nic = "rtl8139", .video = VIDEO_VGA, .input_bus = INPUT_USB, .tpm = TPM_SPAPR,                \
    .virtio = ADDRESS_PCI
#define POWER_FLAGS (BOARD_BALLOON | BOARD_USB_INPUT | BOARD_CPU | BOARD_POWER)
#define WITH_PCI                                                                                   \
    .root = MODEL_PCI_ROOT, .usb = MODEL_PIIX3_UHCI, .virtio = ADDRESS_PCI,                        \
    OF_OTHERS(MODEL_LSILOGIC)

static const Board boards[] = {
    { X86, "pc-q35-", .root = MODEL_PCIE_ROOT, .usb = MODEL_QEMU_XHCI, OF_X86,
      .virtio = ADDRESS_PCI, .flags = X86_FLAGS },
    { X86, "pc-", .root = MODEL_PCI_ROOT, .usb = MODEL_PIIX3_UHCI, OF_X86, .virtio = ADDRESS_PCI,
      .flags = X86_FLAGS | BOARD_IDE },
    { X86, "isapc", OF_X86, .flags = X86_FLAGS | BOARD_IDE },
    { X86, NULL, OF_X86, .flags = X86_FLAGS | BOARD_LOOSE },

    { "aarch64", "virt", OF_ARM_VIRT(MODEL_QEMU_XHCI, BOARD_ACPI_UEFI) },
    { ARM32, "virt", OF_ARM_VIRT(MODEL_PIIX3_UHCI, 0) },
    { "aarch64", "vexpress-", OF_ARM("lan9118", MODEL_QEMU_XHCI), .virtio = ADDRESS_VIRTIO_MMIO,
      .flags = ARM_FLAGS },
    { ARM32, "vexpress-", OF_ARM("lan9118", MODEL_PIIX3_UHCI), .virtio = ADDRESS_VIRTIO_MMIO,
      .flags = ARM_FLAGS },
    { ARM, "versatile", .root = MODEL_PCI_ROOT, .usb = MODEL_PCI_OHCI, .virtio = ADDRESS_PCI,
      OF_ARM("scm91c111", MODEL_PIIX3_UHCI), .flags = ARM_FLAGS },
    { ARM, "realview-", .usb = MODEL_PCI_OHCI, OF_ARM("lan9118", MODEL_PIIX3_UHCI),
      .flags = ARM_FLAGS },
    { "aarch64", NULL, OF_ARM("lan9118", MODEL_QEMU_XHCI), .flags = ARM_FLAGS },
    { ARM32, NULL, OF_ARM("lan9118", MODEL_PIIX3_UHCI), .flags = ARM_FLAGS },

    { "riscv64", "virt", .root = MODEL_PCIE_ROOT, .usb_model = MODEL_PIIX3_UHCI,
      .scsi_model = MODEL_LSILOGIC, .nic = "virtio", .video = VIDEO_VIRTIO, .input_bus = INPUT_USB,
      .serial = SERIAL_SYSTEM, .serial_model = SERIAL_MODEL_16550A, .tpm = TPM_TIS,
      .virtio = ADDRESS_PCI, .flags = BOARD_BALLOON | BOARD_MMIO | BOARD_CPU | BOARD_AIA },
    { "riscv32", "virt", .root = MODEL_PCIE_ROOT, .usb_model = MODEL_PIIX3_UHCI,
      .scsi_model = MODEL_LSILOGIC, .nic = "virtio", .video = VIDEO_VIRTIO, .input_bus = INPUT_USB,
      .serial = SERIAL_SYSTEM, .serial_model = SERIAL_MODEL_16550A, .tpm = TPM_TIS,
      .virtio = ADDRESS_PCI, .flags = BOARD_BALLOON | BOARD_MMIO | BOARD_AIA },
    { "riscv64", NULL, OF_OTHERS(MODEL_LSILOGIC),
      .flags = BOARD_BALLOON | BOARD_LOOSE | BOARD_MMIO | BOARD_CPU },
    { "riscv32", NULL, OF_OTHERS(MODEL_LSILOGIC),
      .flags = BOARD_BALLOON | BOARD_LOOSE | BOARD_MMIO },

    { "loongarch64", "virt", .root = MODEL_PCIE_ROOT, .usb_model = MODEL_QEMU_XHCI,
      .scsi_model = MODEL_VIRTIO_SCSI, .nic = "virtio", .video = VIDEO_VIRTIO,
      .input_bus = INPUT_USB, .serial = SERIAL_SYSTEM, .serial_model = SERIAL_MODEL_16550A,
      .tpm = TPM_TIS, .virtio = ADDRESS_PCI, .flags = BOARD_CPU },

    { POWER, "pseries", OF_POWER, .scsi_model = MODEL_IBMVSCSI, .serial = SERIAL_SPAPR_VIO,
      .panic = PANIC_PSERIES,
      .flags = POWER_FLAGS | BOARD_PANIC | BOARD_SPAPR | BOARD_NO_PARALLEL },
    { POWER, "g3beige", OF_POWER, .scsi_model = MODEL_LSILOGIC, .flags = POWER_FLAGS | BOARD_IDE },
    { POWER, NULL, OF_POWER, .scsi_model = MODEL_LSILOGIC, .flags = POWER_FLAGS },

    { "s390x", NULL, .root = MODEL_PCI_ROOT, .usb_model = MODEL_NONE_GIVEN,
      .scsi_model = MODEL_VIRTIO_SCSI, .nic = "virtio", .video = VIDEO_VIRTIO,
      .input_bus = INPUT_VIRTIO, .serial = SERIAL_SCLP, .panic = PANIC_S390, .virtio = ADDRESS_CCW,
      .flags = BOARD_BALLOON | BOARD_PANIC | BOARD_ZPCI | BOARD_CPU | BOARD_NO_PARALLEL },

    { "ppc", "g3beige", WITH_PCI, .flags = BOARD_BALLOON | BOARD_IDE },
    { "sparc64", "sun4u", WITH_PCI, .flags = BOARD_BALLOON | BOARD_IDE },
    { "mips mipsel mips64 mips64el", "malta", WITH_PCI, .flags = BOARD_BALLOON | BOARD_IDE },
    { "ppc sparc64 alpha sh4 sh4eb", NULL, WITH_PCI, .flags = BOARD_BALLOON },
    { "mips mipsel mips64 mips64el", NULL, .usb = MODEL_PIIX3_UHCI, OF_OTHERS(MODEL_LSILOGIC),
      .flags = BOARD_BALLOON },
    { "sparc", NULL, OF_OTHERS(MODEL_NCR53C90) },
    { "m68k", NULL, OF_OTHERS(MODEL_LSILOGIC), .flags = BOARD_MMIO },
    { NULL, NULL, OF_OTHERS(MODEL_LSILOGIC) },
};

static gboolean
is_among(const char *words, const char *word)
{
    gsize length = strlen(word);

    for (const char *p = words; length && (p = strstr(p, word)); p += length)
        if ((p == words || p[-1] == ' ') && (p[length] == ' ' || !p[length]))
            return TRUE;
    return FALSE;
}

const Board *
board_of(const DomainDef *def)
{
    const char *arch = def->os.arch ? def->os.arch : "", *machine = def->os.machine;
    const Board *b = boards;

    while (b->archs && (!is_among(b->archs, arch) ||
                        (b->machine && !(machine && g_str_has_prefix(machine, b->machine)))))
        b++;
    return b;
}

gboolean
arch_is_known(const char *arch)
{
    static const char all[] = X86 " " ARM " armv7b " RISCV " " POWER " ppc ppcemb s390x s390 alpha "
                                  "cris ia64 itanium lm32 loongarch64 m68k microblaze microblazeel "
                                  "mips mipsel mips64 mips64el openrisc parisc parisc64 sh4 sh4eb "
                                  "sparc sparc64 unicore32 xtensa xtensaeb";

    return is_among(all, arch);
}

gboolean
arch_runs(const char *emulator, const char *guest)
{
    static const struct {
        const char *emulator, *guests;
    } more[] = {
        { "x86_64", "i686" }, { "i686", "x86_64" }, { "aarch64", ARM32 },     { "armv7l", ARM32 },
        { "ppc64", POWER },   { "mips64", "mips" }, { "mips64el", "mipsel" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(more); i++)
        if (strcmp(more[i].emulator, emulator) == 0 && is_among(more[i].guests, guest))
            return TRUE;
    return strcmp(emulator, guest) == 0;
}

gboolean
domain_is_q35(const DomainDef *def)
{
    const char *machine = def->os.machine;

    return machine && (strcmp(machine, "q35") == 0 || g_str_has_prefix(machine, "pc-q35-"));
}

gboolean
domain_is_i440fx(const DomainDef *def)
{
    const char *machine = def->os.machine;

    return machine && (strcmp(machine, "pc") == 0 || g_str_has_prefix(machine, "pc-i440fx-") ||
                       g_str_has_prefix(machine, "pc-0.") || g_str_has_prefix(machine, "pc-1."));
}
