/* Shared by commands about pools and volumes (commands/pool.c). */
#pragma once

#include "vmsh/vmsh.h"

#define POOL_OPTION                                                                                \
    {                                                                                              \
        "pool", OPTION_STRING, OPTION_REQUIRED, complete_pools, "pool name or uuid"                \
    }

#define VOL_OPTION                                                                                 \
    {                                                                                              \
        "vol", OPTION_STRING, OPTION_REQUIRED, complete_volumes, "vol name, key or path"           \
    }
#define OF_POOL_OPTION                                                                             \
    {                                                                                              \
        "pool", OPTION_STRING, OPTION_NAMED, complete_pools, "pool name or uuid"                   \
    }

char **complete_pools(Shell *s);
char **complete_volumes(Shell *s);
/* Finds a pool by name or UUID; the result lives in the command's arena. */
gboolean pool_lookup(Shell *s, const char *text, PoolRef *ret_pool, GError **err);
/* The volume that the options vol and pool name. */
gboolean volume_get(Shell *s, const Args *a, VolumeRef *ret_vol, GError **err);
/* vol-upload and vol-download (commands/volume_transfer.c), which have the same options. */
extern const Option transfer_options[];
gboolean volume_upload(Shell *s, const Args *a, GError **err);
gboolean volume_download(Shell *s, const Args *a, GError **err);
/* Sends a file to an upload that has begun, from fd's position; length 0: to its end. */
gboolean volume_send_file(Shell *s, const char *volume, int fd, guint64 length, GError **err);
/* Runs a program to its end, in a folder (NULL: this one). does: "looks at the image", for the
 * error where it cannot be run, which is FALSE. ret_out: what it prints, NULL: nobody reads it;
 * ret_errors: what it complains of, without the last newline; the caller frees both. ret_status: as
 * of wait(2). */
gboolean tool_run(const char *folder, const char *const *argv, const char *does, char **ret_out,
                  char **ret_errors, int *ret_status, GError **err);
/* Makes a volume of an image file of this side. said: its format, NULL: it is looked for. A part of
 * an image is not left. ret_format: the caller frees it. */
gboolean volume_import(Shell *s, const PoolRef *pool, const char *path, const char *name,
                       const char *said, VolumeRef *ret_vol, char **ret_format, GError **err);
/* plain: in bytes. */
void sheet_add_size(Sheet *sheet, const char *title, guint64 bytes, gboolean plain);
