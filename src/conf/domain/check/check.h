/* Rules that a definition must obey. Inside conf only; included by check*.c, and by cpu_doc.c for
 * rules about a <cpu> that stands alone.
 *
 * A rule is a small pure function and a row of a table. Its error names the element, what is wrong
 * with it and what would be allowed. Rules of one field (a number out of range, an unknown word)
 * are in the rows; rules that need the line of an element are in its settle function. */
#pragma once

#include "conf/board.h"
#include "conf/lists.h"

typedef struct Rule {
    const char *name; /* name of what it checks; NULL ends a table */
    gboolean (*check)(const DomainDef *def, const EmulatorCaps *caps, GError **err);
} Rule;

/* Checks the document as it was written, before anything is filled in. caps is NULL in these rules.
 */
gboolean domain_check_written(const DomainDef *def, GError **err);

extern const Rule written_rules[]; /* check_written.c */
extern const Rule cpu_written_rules[];
extern const Rule tune_written_rules[];
extern const Rule controller_written_rules[];
extern const Rule device_written_rules[];
extern const Rule boot_written_rules[]; /* check_written.c */
extern const Rule domain_rules[];       /* check_domain.c */
extern const Rule board_rules[];        /* check_board.c */
extern const Rule firmware_rules[];     /* check_firmware.c */
extern const Rule cpu_rules[];          /* check_cpu.c */
extern const Rule tune_rules[];         /* check_tune.c */
extern const Rule disk_rules[];         /* check_disk.c */
extern const Rule controller_rules[];   /* check_controller.c */
extern const Rule address_rules[];      /* check_address.c */
extern const Rule char_rules[];         /* check_char.c */
extern const Rule net_rules[];          /* check_net.c */
extern const Rule display_rules[];      /* check_display.c */
extern const Rule device_rules[];       /* check_devices.c */
/* Rules between devices, checked after those of each device. */
extern const Rule disk_pair_rules[];
extern const Rule display_pair_rules[];

/* check_source.c: checks the source of a disk, of a backing image or of NVRAM; `what` names it in
 * errors. */
gboolean source_check(const DiskSource *s, int format, const char *what, GError **err);
gboolean source_labels_check(const GPtrArray *seclabels, const char *what, GError **err);
/* Whether QEMU's memory can be shared with another process (vhost-user, virtiofs). */
gboolean domain_shares_memory(const DomainDef *def);
gboolean domain_has_iothread(const DomainDef *def, guint32 id);
/* Checks the <iothreads> of a driver; queues 0: the document does not give their number. */
gboolean iothread_maps_check(const DomainDef *def, const GPtrArray *maps, guint32 queues,
                             GError **err);
gboolean cpu_vendor_id_check(const CpuDef *cpu, GError **err);
gboolean cpu_features_check(const CpuDef *cpu, GError **err);
/* Whether the card may be a second one, beside the card that the firmware writes to. */
gboolean video_is_secondary(const VideoDef *v);
gboolean domain_is_x86(const DomainDef *def);
