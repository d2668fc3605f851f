/* What a machine has before anybody describes it. Inside conf only. */
#pragma once

#include "conf.h"

typedef enum BoardFlags {
    BOARD_BALLOON = 1 << 0,   /* every guest has one */
    BOARD_PANIC = 1 << 1,     /* the panic device is a part of the machine */
    BOARD_GIC = 1 << 2,       /* Arm's interrupt controller, of some version */
    BOARD_IDE = 1 << 3,       /* disks of bus 'ide' have a controller */
    BOARD_USB_INPUT = 1 << 4, /* a guest with a display gets a keyboard and a mouse on USB */
    BOARD_LOOSE = 1 << 5,     /* without PCI its devices have no address at all */
    BOARD_MMIO = 1 << 6,      /* has virtio transports at fixed memory addresses */
    BOARD_SPAPR = 1 << 7,     /* several PCI roots, told apart by a target, and a virtual bus */
    BOARD_ZPCI = 1 << 8,      /* a PCI device has two more numbers (zPCI) */
    BOARD_CPU = 1 << 9,       /* its processors have models whose names documents know */
    BOARD_NO_PARALLEL = 1 << 10,
    BOARD_ACPI_UEFI = 1 << 11, /* ACPI comes with UEFI only */
    BOARD_AIA = 1 << 13,       /* has RISC-V's newer interrupt controllers (AIA) */
    BOARD_POWER = 1 << 12,     /* memory is plugged in by 256 MiB, counters are always on */
    BOARD_HYPERV = 1 << 14,    /* Hyper-V's features can be offered to Windows */
} BoardFlags;

/* A row of the table of machines. 0 in a member means "none". */
typedef struct Board {
    const char *archs;   /* names of architectures, with blanks between */
    const char *machine; /* beginning of the machine's name; NULL: all others */
    int root;            /* ControllerModel of PCI bus 0 */
    int usb;             /* ControllerModel of the controller that every guest has */
    int usb_model;       /* ControllerModel of a USB controller that names no model */
    int scsi_model;
    const char *nic; /* model of an interface that names none */
    int video;       /* VideoType */
    int input_bus;
    int serial, serial_model; /* SerialTarget, SerialModel of a system-serial */
    int panic;                /* model */
    int tpm;                  /* model */
    int virtio;               /* AddressType of virtio devices */
    guint flags;              /* BoardFlags */
} Board;

/* The row of the domain's machine; never NULL. */
const Board *board_of(const DomainDef *def);

gboolean arch_is_known(const char *arch);

static inline gboolean
board_has(const Board *board, BoardFlags flag)
{
    return (board->flags & flag) != 0;
}
