/* Landlock (landlock(7)): a process sees only the named parts of the file system. libc has no
 * wrappers for these system calls. Each kernel knows some of the rights; those that it does not
 * know it cannot deny. Older headers lack names, so they are defined here. */
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif

enum { VERSION = 1, PATH_BENEATH = 1 };

/* linux/landlock.h; the ABI that brought each. */
#define EXECUTE    (1u << 0)
#define WRITE_FILE (1u << 1)
#define READ_FILE  (1u << 2)
#define READ_DIR   (1u << 3)
#define CHANGES    (0x1ff0u) /* of a folder: removing and making, of every kind */
#define UNLINK     (1u << 5)
#define MAKE_SOCK  (1u << 9)
#define REFER      (1u << 13) /* 2 */
#define TRUNCATE   (1u << 14) /* 3 */
#define IOCTL_DEV  (1u << 15) /* 5 */
#define FILE_ONLY  (EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV)

static const struct {
    int abi;
    guint64 rights;
} known[] = { { 1, 0x1fff }, { 2, REFER }, { 3, TRUNCATE }, { 5, IOCTL_DEV } };

static const guint64 sights[] = {
    [SIGHT_READ] = READ_FILE | READ_DIR,
    [SIGHT_RUN] = READ_FILE | READ_DIR | EXECUTE,
    [SIGHT_USE] = READ_FILE | READ_DIR | WRITE_FILE | TRUNCATE | IOCTL_DEV,
    [SIGHT_OWN] = READ_FILE | READ_DIR | WRITE_FILE | TRUNCATE | CHANGES | REFER,
    [SIGHT_SOCKETS] = READ_FILE | READ_DIR | UNLINK | MAKE_SOCK,
};

typedef struct Attr {
    guint64 files, net, scoped;
} Attr;

typedef struct Beneath {
    guint64 rights;
    gint32 fd;
} __attribute__((packed)) Beneath;

int
landlock_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, VERSION);

    return abi < 0 ? 0 : (int)abi;
}

static guint64
rights_of(int abi)
{
    guint64 rights = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(known); i++)
        if (abi >= known[i].abi)
            rights |= known[i].rights;
    return rights;
}

int
landlock_new(gboolean alone)
{
    const int abi = landlock_abi();
    const Attr attr = { .files = rights_of(abi),
                        .net = alone && abi >= 4 ? 3 : 0,      /* bind and connect of TCP */
                        .scoped = alone && abi >= 6 ? 3 : 0 }; /* abstract sockets and signals */
    const gsize size = abi >= 6 ? sizeof attr : abi >= 4 ? 16 : 8;

    return abi == 0 ? -1 : (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
}

gboolean
landlock_allow_fd(int ruleset, int fd, Sight sight, gboolean is_file)
{
    const guint64 rights = sights[sight] & rights_of(landlock_abi());
    const Beneath rule = { is_file ? rights & FILE_ONLY : rights, fd };

    /* EBADFD: the file is in no folder (a memfd), which Landlock does not deny anyway. */
    return syscall(SYS_landlock_add_rule, ruleset, PATH_BENEATH, &rule, 0) == 0 || errno == EBADFD;
}

gboolean
landlock_allow(int ruleset, const char *path, Sight sight)
{
    fd_auto folder = open(path, O_PATH | O_CLOEXEC | O_DIRECTORY);
    fd_auto file = folder < 0 ? open(path, O_PATH | O_CLOEXEC) : -1;

    if (folder < 0 && file < 0)
        return errno == ENOENT;
    return landlock_allow_fd(ruleset, folder < 0 ? file : folder, sight, folder < 0);
}

gboolean
landlock_enter(int ruleset)
{
    return syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
}
