/* qemu/args: from a live definition to QEMU's words. aliases_assign names the devices, args_files
 * lists what has to be opened for them, args_build makes the command line with the numbers of what
 * was opened. Nothing here touches the host.
 */
#pragma once

#include "parts.h"
#include "qemu/emulator/emulator.h"

/* ---- the command line (args*.c, aliases.c) ----------------------------------------------- */

/* Gives every device of a live definition its name, every image its number, sockets without a path
 * one below run_dir, and settles what the definition leaves to the start. Twice is as once. */
void aliases_assign(DomainDef *def, const char *run_dir);

/* The same for devices that come to a definition that runs: what has a name or a number keeps it,
 * and what has none gets one that nothing of now has either: what live is to take the place of. */
void aliases_add(DomainDef *live, const DomainDef *now, const char *run_dir);

typedef enum HostKind {
    HOST_READ,    /* an image, kernel, firmware: read only */
    HOST_WRITE,   /* an image: read and write */
    HOST_CREATE,  /* output of a chardev: made and truncated */
    HOST_APPEND,  /* the same, kept */
    HOST_LISTEN,  /* a unix socket that we make and QEMU accepts on */
    HOST_CONNECT, /* a unix socket that we connect to */
    HOST_DEVICE,  /* a character device, opened for both: /dev/vhost-vsock */
    HOST_OVERLAY, /* what is written above an image, whose path it has, and forgotten at the end */
    HOST_MEMORY,  /* a file without a name for the guest's memory, in the folder of the path */
    HOST_PLACE,   /* a unix socket that QEMU makes: whether it can; nothing to open */
    HOST_SECRET,  /* the value of a secret, in memory; the path is the name of QEMU's object */
} HostKind;

/* One thing of the host that the command line uses. QEMU opens nothing by path: a row of start
 * opens it and the number is handed over, the same in the child. */
typedef struct HostFd {
    HostKind kind;
    char *path;
    char *what;              /* "disk 'vda'": for errors */
    int fd;                  /* -1: not open */
    guint set;               /* number of its fd set (/dev/fdset/N); 0: handed over as fd=N */
    gboolean shared;         /* several may write it: no lock is asked for */
    int format;              /* DiskFormat of an image, of that below a HOST_OVERLAY */
    gboolean has_data_store; /* the definition names the image's data file */
    SliceDef slice;          /* where the image is in the file; of no size: it is all of it */
    gboolean direct;         /* O_DIRECT: QEMU wants the flags that it would have opened it with */
    gboolean by_monitor;     /* QEMU gets it when it runs: not at its start */
    gboolean by_name;        /* QEMU opens the descriptor once more, as a file in /proc */
    guint32 owner;           /* as whom it does; 0: the daemon's user */
    guint64 dev, ino;        /* of an open image; a block device has no dev */
    SecretRef *secret;       /* of HOST_SECRET: which */
} HostFd;
HostFd *host_fd_new(HostKind kind, const char *path, const char *what);
HostFd *host_fd_copy(const HostFd *h); /* not open */
void host_fd_free(HostFd *h);          /* closes it */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostFd, host_fd_free)

/* The descriptors of one <interface>, in the order of the definition. */
typedef struct HostNet {
    GArray *taps;   /* int, one a queue */
    GArray *vhosts; /* int, one a queue, or empty */
} HostNet;

/* Everything that the command line is made from. */
typedef struct ArgsIn {
    const DomainDef *def; /* the live definition: ports, ptys, aliases are decided */
    const Emulator *emulator;
    GPtrArray *files;    /* of HostFd, as args_files made them; NULL: by path (native form) */
    GPtrArray *nets;     /* of HostNet, one an interface; NULL: none */
    int monitor_fd;      /* listening socket; -1: no monitor (native form) */
    const char *run_dir; /* this VM's runtime folder */
} ArgsIn;

/* Every file and socket that args_build will name, not yet open: images with their backing files,
 * kernel, firmware, chardevs, TPM. set is filled in. */
gboolean args_files(const DomainDef *def, const Emulator *emulator, const char *run_dir,
                    GPtrArray *files, GError **err);
/* What the command line says for it: "/dev/fdset/3", or the path when there is no such HostFd. */
HostFd *args_file_find(const ArgsIn *in, const char *path, HostKind kind);
/* argv with the emulator's path first and its NULL last; -S is among it. Pure. */
GPtrArray *args_build(const ArgsIn *in, GError **err);
/* The parts (parts.h) of one device, in the order in which QEMU makes them: device is its struct in
 * in->def. NULL with an error: one that only comes with the machine. Pure; the caller frees. */
GPtrArray *args_parts(const ArgsIn *in, const void *device, GError **err);
/* What args_files lists, for one device; fd sets are numbered from first_set. in->files is not
 * looked at. */
gboolean args_part_files(const ArgsIn *in, const void *device, guint first_set, GPtrArray *files,
                         GError **err);
/* Whether VNC is listened for by the daemon, which hands the socket over. emulator NULL: no. */
gboolean args_vnc_is_handed(const GraphicsDef *g, const Emulator *emulator);
/* Where it listens on the network. Borrowed. */
const char *args_listen_address(const GraphicsDef *g);
/* What QEMU does when it goes off, in QEMU's words. */
const char *args_watchdog_action(const WatchdogDef *watchdog);
/* Where the passt of an interface listens, for a QEMU that connects to it. Caller frees. */
char *args_passt_path(const char *run_dir, const NetDef *net);
/* env (taken; NULL: empty) with what the definition asks for: the time zone of its clock, a display
 * of SDL, a sound server, the variables of its qemu namespace, which go over all others. */
char **args_env(const DomainDef *def, char **env);
