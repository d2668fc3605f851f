/* qemu/args: from a live definition to QEMU's command line. aliases_assign names the devices,
 * args_files lists the files that must be opened for them, args_build makes the command line with
 * the numbers of the open descriptors. Nothing here touches the host. */
#pragma once

#include "parts.h"
#include "qemu/emulator/emulator.h"

/* ---- the command line (args*.c, aliases.c) ----------------------------------------------- */

/* Gives every device of a live definition its alias, every image its number, and every socket
 * without a path one below run_dir, and settles values that the definition leaves to the start. A
 * second call changes nothing. */
void aliases_assign(DomainDef *def, const char *run_dir);

/* The same for devices that are added to a running domain: live is the new definition, now the
 * present one. A device with a name or number keeps it; others get one that nothing in now has
 * either. */
void aliases_add(DomainDef *live, const DomainDef *now, const char *run_dir);

typedef enum HostKind {
    HOST_READ,    /* an image, a kernel, firmware: read only */
    HOST_WRITE,   /* an image: read and write */
    HOST_CREATE,  /* output of a chardev: made or truncated */
    HOST_APPEND,  /* the same, appended to */
    HOST_LISTEN,  /* a unix socket that vmd makes and QEMU accepts on */
    HOST_CONNECT, /* a unix socket that vmd connects to */
    HOST_DEVICE,  /* a character device, opened for both: /dev/vhost-vsock */
    HOST_OVERLAY, /* an overlay above the image at the path, forgotten at the end */
    HOST_MEMORY,  /* an unnamed file for the guest's memory, in the folder at the path */
    HOST_PLACE,   /* a unix socket that QEMU makes: vmd only checks that it can */
    HOST_SECRET,  /* the value of a secret, in memory; the path is the id of QEMU's object */
} HostKind;

/* One file, socket or device of the host that the command line uses. QEMU opens nothing by path: a
 * row of start opens it, and QEMU gets the descriptor under the same number. */
typedef struct HostFd {
    HostKind kind;
    char *path;
    char *what;              /* "disk 'vda'": for errors */
    int fd;                  /* -1: not open */
    guint set;               /* number of its fd set (/dev/fdset/N); 0: handed over as fd=N */
    gboolean shared;         /* several guests may write it: no lock is taken */
    int format;              /* DiskFormat of an image; of a HOST_OVERLAY that of the image below */
    gboolean has_data_store; /* the definition names the image's data file */
    SliceDef slice;          /* where the image is in the file; of no size: it is all of it */
    gboolean direct;     /* opened with O_DIRECT, for QEMU expects the flags that it would use */
    gboolean by_monitor; /* QEMU gets it through the monitor, not at its start */
    gboolean by_name;    /* QEMU opens the descriptor again, as a file in /proc */
    guint32 owner;       /* user that does so; 0: the daemon's user */
    guint64 dev, ino;    /* of an open image; dev is 0 for a block device */
    SecretRef *secret;   /* of HOST_SECRET: the secret */
} HostFd;
HostFd *host_fd_new(HostKind kind, const char *path, const char *what);
HostFd *host_fd_copy(const HostFd *h); /* the copy is not open */
void host_fd_free(HostFd *h);          /* closes it */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostFd, host_fd_free)

/* The descriptors of one <interface>, in the order of the definition. */
typedef struct HostNet {
    GArray *taps;   /* int, one for each queue */
    GArray *vhosts; /* int, one for each queue; or empty */
} HostNet;

/* Everything that the command line is made from. */
typedef struct ArgsIn {
    const DomainDef *def; /* the live definition: ports, ptys and aliases are chosen */
    const Emulator *emulator;
    GPtrArray *
        files; /* of HostFd, as args_files made them; NULL: files are named by path (native form) */
    GPtrArray *nets;     /* of HostNet, one for each interface; NULL: none */
    int monitor_fd;      /* listening socket; -1: no monitor (native form) */
    const char *run_dir; /* this VM's runtime folder */
} ArgsIn;

/* Adds every file and socket that args_build will name to files, not yet open: images with their
 * backing files, kernel, firmware, chardevs, TPM. HostFd.set is filled in. */
gboolean args_files(const DomainDef *def, const Emulator *emulator, const char *run_dir,
                    GPtrArray *files, GError **err);
/* The HostFd of a path, borrowed; NULL: there is none, and the command line names the path. */
HostFd *args_file_find(const ArgsIn *in, const char *path, HostKind kind);
/* Builds argv: the emulator's path comes first and NULL last; -S is included. Pure. The caller
 * frees the array. */
GPtrArray *args_build(const ArgsIn *in, GError **err);
/* Builds the parts (parts.h) of one device, in the order in which QEMU must make them; device is
 * its struct in in->def. NULL with an error: a device that exists only as part of the machine.
 * Pure; the caller frees the array. */
GPtrArray *args_parts(const ArgsIn *in, const void *device, GError **err);
/* args_files for one device; fd sets are numbered from first_set. in->files is not used. */
gboolean args_part_files(const ArgsIn *in, const void *device, guint first_set, GPtrArray *files,
                         GError **err);
/* Whether the daemon opens the listening socket of VNC and hands it to QEMU. emulator NULL: no. */
gboolean args_vnc_is_handed(const GraphicsDef *g, const Emulator *emulator);
/* Address at which a graphics server listens. Borrowed. */
const char *args_listen_address(const GraphicsDef *g);
/* What QEMU does when the watchdog expires, in QEMU's words. */
const char *args_watchdog_action(const WatchdogDef *watchdog);
/* Path of the socket on which an interface's passt listens, for a QEMU that connects to it. The
 * caller frees it. */
char *args_passt_path(const char *run_dir, const NetDef *net);
/* Returns env (taken; NULL: empty) with the variables that the definition asks for: the time zone
 * of its clock, a display of SDL, a sound server, and the variables of its qemu namespace, which
 * override all others. Free with g_strfreev. */
char **args_env(const DomainDef *def, char **env);
