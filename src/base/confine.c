/* What a child gives up before it runs an untrusted program. Only system calls are made, and those
 * that change identity directly: libc's wrappers change all threads, and between vfork(2) and exec
 * those are the daemon's. */
#include "base/base.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* On architectures where the plain calls have 16-bit ids, the others are used. */
#ifdef SYS_setresuid32
enum { SET_GROUPS = SYS_setgroups32, SET_GID = SYS_setresgid32, SET_UID = SYS_setresuid32 };
#else
enum { SET_GROUPS = SYS_setgroups, SET_GID = SYS_setresgid, SET_UID = SYS_setresuid };
#endif

/* Sets a limit, at most as high as the daemon's own. */
static gboolean
limit(int what, guint64 most)
{
    struct rlimit now;

    if (most == 0)
        return TRUE;
    if (getrlimit(what, &now) < 0)
        return FALSE;
    now.rlim_max = MIN(now.rlim_max, most);
    now.rlim_cur = now.rlim_max;
    return setrlimit(what, &now) == 0;
}

/* Removes a limit. A daemon that may not do that leaves it: programs that need more report it
 * themselves. */
static gboolean
lift(int what)
{
    const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

    return setrlimit(what, &all) == 0 || errno == EPERM;
}

static gboolean
set_limits(const Confine *c)
{
    const struct rlimit none = { 0, 0 };

    return setrlimit(RLIMIT_CORE, &none) == 0 && limit(RLIMIT_NOFILE, c->files) &&
           limit(RLIMIT_NPROC, c->tasks) && limit(RLIMIT_FSIZE, c->file_bytes) &&
           (!c->locks || lift(RLIMIT_MEMLOCK));
}

/* Drops capabilities from the bounding set, so that no later exec can bring one back. A daemon that
 * may not do that relies on no_new_privs. Numbers past the kernel's last capability fail, and do
 * not matter. */
static void
drop_bounds(guint64 kept)
{
    for (int cap = 0; cap < 64; cap++)
        if (!(kept & (G_GUINT64_CONSTANT(1) << cap)) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
            return;
}

static gboolean
set_capabilities(guint64 kept)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct sets[2] = {
        { .effective = (guint32)kept, .permitted = (guint32)kept },
        { .effective = (guint32)(kept >> 32), .permitted = (guint32)(kept >> 32) },
    };

    return syscall(SYS_capset, &head, sets) == 0;
}

static gboolean
become(const Confine *c)
{
    const gid_t groups[] = { c->group };

    return syscall(SET_GROUPS, c->group ? 1 : 0, groups) == 0 &&
           syscall(SET_GID, c->gid, c->gid, c->gid) == 0 &&
           syscall(SET_UID, c->uid, c->uid, c->uid) == 0;
}

/* Leaves each namespace by a call of its own, because a kernel may lack some. */
static void
leave_namespaces(int flags)
{
    const int each[] = { CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS };

    for (gsize i = 0; i < G_N_ELEMENTS(each); i++)
        if (flags & each[i])
            unshare(each[i]);
}

/* Allows the child its own part of /proc, whose path is known only here, and enters the ruleset. */
static gboolean
shut_in(int ruleset)
{
    return ruleset == 0 ||
           (landlock_allow(ruleset, "/proc/self", SIGHT_READ) && landlock_enter(ruleset));
}

gboolean
confine_enter(const Confine *c, const char **ret_step)
{
    const guint64 kept = c->become && c->uid == 0 ? c->caps : 0;

    umask(077);
    *ret_step = "limit";
    if (!set_limits(c))
        return FALSE;
    if (c->become) {
        leave_namespaces(c->namespaces);
        drop_bounds(kept);
    }
    *ret_step = "change the user of";
    if (c->become && !become(c))
        return FALSE;
    *ret_step = "take capabilities from";
    if (!set_capabilities(kept) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return FALSE;
    *ret_step = "hide files from";
    return shut_in(c->landlock);
}
