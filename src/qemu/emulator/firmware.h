/* Firmware that packages describe by QEMU's descriptor files (docs/interop/firmware.json there). */
#pragma once

#include "emulator_priv.h"

typedef enum FirmwareBit {
    FW_ACPI_S3 = 1 << 0,
    FW_ACPI_S4 = 1 << 1,
    FW_AMD_SEV = 1 << 2,
    FW_AMD_SEV_ES = 1 << 3,
    FW_AMD_SEV_SNP = 1 << 4,
    FW_INTEL_TDX = 1 << 5,
    FW_ENROLLED_KEYS = 1 << 6,
    FW_REQUIRES_SMM = 1 << 7,
    FW_SECURE_BOOT = 1 << 8,
    FW_VERBOSE_DYNAMIC = 1 << 9,
    FW_VERBOSE_STATIC = 1 << 10,
} FirmwareBit;

typedef enum FirmwareDevice { FW_FLASH, FW_MEMORY, FW_KERNEL } FirmwareDevice;

typedef struct FirmwareTarget {
    char *arch;
    char **machines; /* patterns: "pc-q35-*" */
} FirmwareTarget;

typedef struct Firmware {
    char *file; /* path of the descriptor */
    gboolean bios, uefi;
    FirmwareDevice device;
    gboolean stateless; /* flash without a variable store */
    gboolean combined;  /* code and variables in one file */
    char *path, *format;
    char *nvram, *nvram_format; /* template; NULL: none */
    GPtrArray *targets;         /* of FirmwareTarget */
    guint features;             /* FirmwareBit */
} Firmware;

/* All firmwares whose descriptors can be read, in the order of preference. Free with
 * g_ptr_array_unref. */
GPtrArray *firmware_list(void);
/* Whether a firmware fits a machine; machine: its canonical name. */
gboolean firmware_fits(const Firmware *f, const char *arch, const char *machine);
/* For conf: those that fit a machine, as FirmwareCaps, in the order of preference. Free with
 * g_ptr_array_unref. */
GPtrArray *firmware_caps_list(const char *arch, const char *machine, gpointer user);
