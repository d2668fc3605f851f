/* What a machine has before anybody describes it. Inside conf only. */
#pragma once

#include "conf.h"

typedef enum BoardFlags {
    BOARD_BALLOON = 1 << 0,   /* every guest has one */
    BOARD_PANIC = 1 << 1,     /* the panic device is a part of the machine */
    BOARD_GIC = 1 << 2,       /* Arm's interrupt controller, of some version */
    BOARD_IDE = 1 << 3,       /* disks of bus 'ide' have a controller */
    BOARD_USB_INPUT = 1 << 4, /* who has a display has a keyboard and a mouse on USB */
    BOARD_LOOSE = 1 << 5,     /* without PCI its devices just have no address */
    BOARD_MMIO = 1 << 6,      /* has virtio transports at fixed places of memory */
    BOARD_SPAPR = 1 << 7,     /* several PCI roots, told apart by a target, and a virtual bus */
    BOARD_ZPCI = 1 << 8,      /* a PCI device has two numbers more */
    BOARD_CPU = 1 << 9,       /* models of its processors have names that documents know */
    BOARD_NO_PARALLEL = 1 << 10,
    BOARD_ACPI_UEFI = 1 << 11, /* ACPI comes with UEFI only */
    BOARD_AIA = 1 << 13,       /* RISC-V's newer interrupt controllers */
    BOARD_POWER = 1 << 12,     /* memory is plugged in by 256 MiB, counters are always on */
    BOARD_HYPERV = 1 << 14,    /* Windows can be told of its host */
} BoardFlags;

/* A zero stands for "none". */
typedef struct Board {
    const char *archs;   /* words */
    const char *machine; /* its name begins so; NULL: every other */
    int root;            /* ControllerModel of PCI bus 0 */
    int usb;             /* ControllerModel of the controller that every guest has */
    int usb_model;       /* of a controller that names no model */
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

/* The machine's row; never NULL. */
const Board *board_of(const DomainDef *def);

gboolean arch_is_known(const char *arch);

static inline gboolean
board_has(const Board *board, BoardFlags flag)
{
    return (board->flags & flag) != 0;
}
