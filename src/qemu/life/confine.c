/* As whom QEMU runs. In the system's instance every VM has a user and group of its own, which is a
 * claim: another one gets it when the VM's is over and no process of that user is left. Whatever
 * needs more (needs.c) keeps the daemon's user, without nearly all that that may.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "life.h"

/* Above what containers, subordinate ids and directories take by themselves, and below what the
 * sign bit makes of larger ones: docs/security.md. */
#define FIRST_ID ((guint32)VM_USERS_FIRST)
#define N_IDS    ((guint32)VM_USERS)

#define FILES_MAX 65536
#define TASKS_MAX 8192

#define CAP(name) (G_GUINT64_CONSTANT(1) << CAP_##name)

static gboolean
is_own_id(guint64 id)
{
    return id >= FIRST_ID && id < FIRST_ID + N_IDS;
}

gboolean
vm_owns_user(uid_t uid)
{
    return is_own_id(uid);
}

/* ---- whether this daemon can give ids away */

static gboolean
is_mapped(const char *map)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents(map, &text, NULL, NULL))
        return TRUE; /* the kernel knows one namespace of users only */
    lines = g_strsplit(text, "\n", 0);
    for (guint i = 0; lines[i]; i++) {
        unsigned long inside, outside, n;
        if (sscanf(lines[i], "%lu %lu %lu", &inside, &outside, &n) == 3 && inside <= FIRST_ID &&
            inside + n >= FIRST_ID + N_IDS)
            return TRUE;
    }
    return FALSE;
}

static gboolean
may_change_ids(void)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct sets[2] = { 0 };
    const guint32 wanted = (guint32)(CAP(SETUID) | CAP(SETGID));

    return syscall(SYS_capget, &head, sets) == 0 && (sets[0].effective & wanted) == wanted;
}

/* ---- what a worker finds out: it looks at files, and asks whoever keeps the host's users */

typedef struct ConfineAsked {
    char *emulator;
    char *label; /* "user:group"; NULL: none is chosen */
    gboolean kvm, ptys;
    /* the answers */
    guint32 uid, gid, group;
    Needs found;
} ConfineAsked;

static void
asked_free(gpointer data)
{
    ConfineAsked *a = data;

    g_free(a->emulator);
    g_free(a->label);
    needs_done(&a->found);
    g_free(a);
}

/* Whether any user can run the file: it and each folder on the way must allow that. */
static gboolean
can_everybody_run(const char *path)
{
    g_autofree char *at = realpath(path, NULL);
    struct stat st;

    if (!at || stat(at, &st) < 0 || (st.st_mode & 05) != 05)
        return FALSE;
    for (char *slash = strrchr(at, '/'); slash && slash > at; slash = strrchr(at, '/')) {
        *slash = '\0';
        if (stat(at, &st) < 0 || !(st.st_mode & 01))
            return FALSE;
    }
    return TRUE;
}

/* A program of the distribution, whose own files are where that has them. */
static gboolean
is_of_the_host(const char *path)
{
    g_autofree char *at = realpath(path, NULL);
    fd_auto fd = at ? open(at, O_RDONLY | O_CLOEXEC) : -1;
    char begin[2];

    return at && path_is_installed(at) && read(fd, begin, 2) == 2 && memcmp(begin, "#!", 2) != 0;
}

static void
look_at_emulator(ConfineAsked *a)
{
    if (!can_everybody_run(a->emulator))
        needs_add(&a->found, NEED_USER, "the emulator is where other users may not run it");
    if (!is_of_the_host(a->emulator))
        needs_add(&a->found, NEED_FILES,
                  "the emulator is none that the distribution has installed");
}

static void
look_at_devices(ConfineAsked *a)
{
    struct stat st;

    if (a->kvm && stat("/dev/kvm", &st) == 0 && (st.st_mode & 06) != 06) {
        if ((st.st_mode & 060) == 060 && st.st_gid != 0)
            a->group = st.st_gid;
        else
            needs_add(&a->found, NEED_USER, "/dev/kvm: it is for the daemon's user alone");
    }
    if (a->ptys && (stat("/dev/ptmx", &st) < 0 || (st.st_mode & 06) != 06))
        needs_add(&a->found, NEED_USER, "/dev/ptmx: it is not for everybody");
}

/* "+12" and "12" are numbers, all else is a name. */
static gboolean
read_id(const char *word, gboolean group, guint32 *ret_id)
{
    const char *digits = word[0] == '+' ? word + 1 : word;
    guint64 id = 0;

    if (g_ascii_string_to_unsigned(digits, 10, 0, G_MAXUINT32 - 1, &id, NULL)) {
        *ret_id = (guint32)id;
        return TRUE;
    }
    if (word[0] == '+')
        return FALSE;
    return group ? account_group(word, ret_id) : account_user(word, ret_id);
}

static gboolean
read_label(ConfineAsked *a, GError **err)
{
    g_auto(GStrv) words = g_strsplit(a->label, ":", 2);

    if (!words[0] || !read_id(words[0], FALSE, &a->uid))
        return fail(
            err, ERR_CONFIG_UNSUPPORTED,
            "seclabel 'dac': there is no user '%s' on this host; name one, or its number as "
            "'+1000:+1000'",
            words[0] ? words[0] : "");
    a->gid = a->uid;
    return !words[1] || read_id(words[1], TRUE, &a->gid) ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "seclabel 'dac': there is no group '%s' on this host",
                words[1]);
}

static gpointer
look(gpointer in, GError **err)
{
    ConfineAsked *a = in;

    if (a->label && !read_label(a, err))
        return NULL;
    look_at_devices(a);
    look_at_emulator(a);
    return a;
}

/* ---- an id that nobody has */

/* A process that has ended but was not waited for is one as well. */
static gboolean
is_at_work(guint32 uid)
{
    errno = 0;
    return getpriority(PRIO_USER, uid) != -1 || errno != ESRCH;
}

static gboolean
claim_id(Vm *vm, guint32 id, gboolean shares, GError **err)
{
    char key[16];
    const Claim claim = { .kind = CLAIM_USER, .key = key, .shares = shares, .owner = OWNER(vm) };

    g_snprintf(key, sizeof key, "%u", id);
    return claim_take(&claim, err);
}

/* Chooses the id of the last run if it is free: processes or files that are left of it belong to
 * this VM. */
static gboolean
choose_id(Vm *vm, guint32 *ret_id, GError **err)
{
    const guint32 first = bytes_sum((const char *)vm->obj.uuid, UUID_LEN) % N_IDS;

    for (guint32 i = 0; i < N_IDS; i++) {
        const guint32 id = FIRST_ID + (first + i) % N_IDS;
        char key[16];

        g_snprintf(key, sizeof key, "%u", id);
        if (claim_find(CLAIM_USER, key) || is_at_work(id))
            continue;
        *ret_id = id;
        return claim_id(vm, id, FALSE, err);
    }
    return fail(err, ERR_INTERNAL, "no user is free for domain '%s': all %u from %u are taken",
                vm->obj.name, N_IDS, FIRST_ID);
}

/* ---- what clients are shown */

static SeclabelDef *
label_of(const DomainDef *def)
{
    EACH (SeclabelDef, label, def->seclabels)
        if (g_strcmp0(label->model, "dac") == 0)
            return label;
    return NULL;
}

static char *
text_of(const Confined *c)
{
    return g_strdup_printf("+%u:+%u", c->uid, c->gid);
}

char *
vm_label(const Vm *vm)
{
    gboolean known = vm->run && vm->run->confined.how != CONFINE_UNKNOWN;

    return known && !qemu_paths->session ? text_of(&vm->run->confined) : NULL;
}

/* Writes the label in the form that libvirt uses for one that it has made, which includes
 * relabel='yes'. */
static void
show_label(Run *run)
{
    DomainDef *live = run_alter(run);
    SeclabelDef *label = label_of(live);

    if (qemu_paths->session || (label && label->type != SECLABEL_DYNAMIC))
        return;
    if (!label) {
        label = g_new0(SeclabelDef, 1);
        *label = (SeclabelDef){ .type = SECLABEL_DYNAMIC,
                                .model = g_strdup("dac"),
                                .relabel = YES };
        if (!live->seclabels)
            live->seclabels = g_ptr_array_new();
        g_ptr_array_add(live->seclabels, label);
    }
    g_free(label->label);
    label->label = text_of(&run->confined);
}

void
confine_tell(Vm *vm)
{
    const Confined *c = &vm->run->confined;
    g_auto(GStrv) lines = g_strsplit(c->has.reasons ? c->has.reasons : "", "\n", 0);

    if (c->how == CONFINE_NOT)
        vmlog_line(vm, "QEMU is not confined: that was asked for");
    for (guint i = 0; lines[i]; i++)
        vmlog_line(vm, "QEMU is confined in part: %s", lines[i]);
}

/* ---- the choice */

static gboolean
is_unwanted(const DomainDef *def)
{
    EACH (const SeclabelDef, label, def->seclabels)
        if (label->type == SECLABEL_NONE && (!label->model || strcmp(label->model, "none") == 0 ||
                                             strcmp(label->model, "dac") == 0))
            return TRUE;
    return qemu_paths->trusting;
}

static void
take_daemon(Confined *c)
{
    c->how = CONFINE_DAEMON;
    c->uid = geteuid();
    c->gid = getegid();
}

static void
settle_sight(Confined *c)
{
    if (c->has.needs & NEED_FILES)
        return;
    c->landlock = landlock_abi();
    if (c->landlock == 0)
        needs_add(&c->has, NEED_FILES, "this kernel has no Landlock for the daemon");
}

/* a: what the worker has found. */
static gboolean
settle(Vm *vm, const ConfineAsked *a, GError **err)
{
    Confined *c = &vm->run->confined;

    needs_of(vm->run->live, vm->run->start.emulator, vm->run->dir, &c->has);
    if (a->found.needs)
        needs_add(&c->has, a->found.needs, a->found.reasons);
    settle_sight(c);
    if (geteuid() != 0 || qemu_paths->session) {
        if (!(c->has.needs & NEED_FILES))
            g_clear_pointer(&c->has.reasons, g_free); /* its user may do all that */
        take_daemon(c);
        return TRUE;
    }
    c->group = a->group;
    if (!may_change_ids() || (!a->label && !is_mapped("/proc/self/uid_map")) ||
        (!a->label && !is_mapped("/proc/self/gid_map")))
        needs_add(&c->has, NEED_USER, "the daemon may not give away users of their own here");
    if (a->label) {
        c->how = CONFINE_CHOSEN;
        c->uid = a->uid;
        c->gid = a->gid;
        return claim_id(vm, c->uid, TRUE, err);
    }
    if (c->has.needs & NEED_USER) {
        take_daemon(c);
        return TRUE;
    }
    c->how = CONFINE_OWN;
    if (!choose_id(vm, &c->uid, err))
        return FALSE;
    c->gid = c->uid;
    return TRUE;
}

typedef struct Choosing {
    Vm *vm;
    FlowToken token;
} Choosing;

static void
on_looked(gpointer out, const GError *err, gpointer user)
{
    g_autofree Choosing *w = user;
    g_autoptr(GError) own = NULL;

    if (flow_waits(w->token) && out && settle(w->vm, out, &own))
        show_label(w->vm->run);
    flow_wake(w->token, err ? err : own);
}

static gboolean
has_pty(const DomainDef *def)
{
    const GPtrArray *const lists[] = { def->devices.serials, def->devices.parallels,
                                       def->devices.channels, def->devices.consoles };

    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++)
        EACH (const CharDef, c, lists[i])
            if (c->source.type == CHAR_PTY)
                return TRUE;
    return FALSE;
}

static ConfineAsked *
asked_new(const DomainDef *live)
{
    const SeclabelDef *label = label_of(live);
    ConfineAsked *a = g_new0(ConfineAsked, 1);

    *a = (ConfineAsked){ .emulator = g_strdup(live->devices.emulator),
                         .kvm = live->virt_type == VIRT_KVM,
                         .ptys = has_pty(live) };
    if (label && label->type == SECLABEL_STATIC)
        a->label = g_strdup(label->label);
    return a;
}

StepResult
confine_choose(Flow *f, gpointer obj, GError **err)
{
    Vm *vm = obj;
    Choosing *w;

    if (is_unwanted(vm->run->live)) {
        take_daemon(&vm->run->confined);
        vm->run->confined.how = CONFINE_NOT;
        show_label(vm->run);
        return STEP_DONE;
    }
    aliases_assign(run_alter(vm->run), vm->run->dir); /* reasons are told with names */
    w = g_new(Choosing, 1);
    *w = (Choosing){ vm, flow_wait(f) };
    offload_for(&vm->obj, look, asked_new(vm->run->live), asked_free, on_looked, w);
    return STEP_WAIT;
}

/* ---- what follows from it */

guint32
confine_owner(const Run *run)
{
    const Confined *c = &run->confined;

    return c->how == CONFINE_OWN || c->how == CONFINE_CHOSEN ? c->uid : 0;
}

gboolean
confine_make_folder(const Run *run, GError **err)
{
    g_autofree char *own = g_build_filename(run->dir, "own", NULL);
    const Confined *c = &run->confined;

    if (!dir_make(run->dir, 0711, err) || !dir_make(own, 0700, err))
        return FALSE;
    return confine_owner(run) == 0 || lchown(own, c->uid, c->gid) == 0 ||
           fail_errno(err, errno, "cannot give '%s' to QEMU's user", own);
}

static guint64
capabilities_of(guint needs)
{
    guint64 caps = 0;

    if (needs & NEED_USER)
        caps |= CAP(DAC_OVERRIDE) | CAP(NET_BIND_SERVICE);
    if (needs & NEED_OWNER)
        caps |= CAP(CHOWN) | CAP(FOWNER) | CAP(FSETID) | CAP(MKNOD) | CAP(SETUID) | CAP(SETGID);
    return caps;
}

static int
namespaces_of(guint needs)
{
    return CLONE_NEWUTS | (needs & (NEED_NET | NEED_SLIRP) ? 0 : CLONE_NEWNET) |
           (needs & NEED_IPC ? 0 : CLONE_NEWIPC);
}

/* ---- what it sees */

/* Programs and what the libraries of QEMU look at; of /etc what is nobody's secret. What is not
 * there is none. */
static const struct {
    const char *path;
    Sight sight;
    gboolean machines; /* helpers have no use for it */
} sights[] = {
    { "/usr", SIGHT_READ },
    { "/usr/lib", SIGHT_RUN },
    { "/usr/lib64", SIGHT_RUN },
    { "/lib", SIGHT_RUN },
    { "/lib64", SIGHT_RUN },
    { "/etc/alternatives", SIGHT_READ },
    { "/etc/crypto-policies", SIGHT_READ },
    { "/etc/gai.conf", SIGHT_READ },
    { "/etc/gnutls", SIGHT_READ },
    { "/etc/group", SIGHT_READ },
    { "/etc/host.conf", SIGHT_READ },
    { "/etc/hosts", SIGHT_READ },
    { "/etc/ld.so.cache", SIGHT_READ },
    { "/etc/localtime", SIGHT_READ },
    { "/etc/nsswitch.conf", SIGHT_READ },
    { "/etc/passwd", SIGHT_READ },
    { "/etc/protocols", SIGHT_READ },
    { "/etc/resolv.conf", SIGHT_READ },
    { "/etc/services", SIGHT_READ },
    { "/etc/ssl/certs", SIGHT_READ },
    { "/etc/ssl/openssl.cnf", SIGHT_READ },
    { "/etc/timezone", SIGHT_READ },
    { "/proc/cpuinfo", SIGHT_READ },
    { "/proc/filesystems", SIGHT_READ },
    { "/proc/meminfo", SIGHT_READ },
    { "/proc/stat", SIGHT_READ },
    { "/proc/sys", SIGHT_READ },
    { "/proc/version", SIGHT_READ },
    { "/sys", SIGHT_READ, TRUE },
    { "/dev/full", SIGHT_USE },
    { "/dev/kvm", SIGHT_USE, TRUE },
    { "/dev/null", SIGHT_USE },
    { "/dev/ptmx", SIGHT_USE, TRUE },
    { "/dev/pts", SIGHT_USE, TRUE },
    { "/dev/random", SIGHT_USE },
    { "/dev/urandom", SIGHT_USE },
    { "/dev/zero", SIGHT_USE },
};

/* Sockets of displays are all that it makes there. No file of its own: /run is memory of the host.
 */
static gboolean
allow_own(int ruleset, const Run *run)
{
    g_autofree char *own = g_build_filename(run->dir, "own", NULL);
    Sight sight = list_length(run->live->devices.graphics) > 0 ? SIGHT_SOCKETS : SIGHT_READ;
    const char *paths = run->confined.has.paths;
    g_auto(GStrv) others = g_strsplit(paths ? paths : "", "\n", 0);
    gboolean ok = landlock_allow(ruleset, own, sight) &&
                  landlock_allow(ruleset, run->live->devices.emulator, SIGHT_RUN);

    for (guint i = 0; ok && others[i]; i++)
        ok = landlock_allow(ruleset, others[i], SIGHT_OWN) &&
             landlock_allow(ruleset, others[i], SIGHT_USE);
    return ok;
}

/* Allows the files that QEMU opens again from descriptors that it was given. */
static gboolean
allow_files(int ruleset, const GPtrArray *files)
{
    EACH (const HostFd, h, files) {
        Sight sight = h->kind == HOST_MEMORY ? SIGHT_USE : SIGHT_READ;
        if ((h->by_name || h->kind == HOST_MEMORY) && h->fd >= 0 &&
            !landlock_allow_fd(ruleset, h->fd, sight, TRUE))
            return FALSE;
    }
    return TRUE;
}

static int
make_ruleset(Run *run, GError **err)
{
    Confined *c = &run->confined;
    fd_auto ruleset = landlock_new(!(c->has.needs & (NEED_NET | NEED_SLIRP | NEED_FILES)));
    gboolean ok = ruleset >= 0;

    for (gsize i = 0; ok && i < G_N_ELEMENTS(sights); i++)
        ok = landlock_allow(ruleset, sights[i].path, sights[i].sight);
    if (ok && allow_own(ruleset, run) && allow_files(ruleset, run->start.files))
        return fd_steal(&ruleset);
    fail_errno(err, errno, "cannot confine QEMU to its part of the file system");
    return -1;
}

gboolean
confine_spec(Run *run, Confine *ret_spec, GError **err)
{
    Confined *c = &run->confined;
    const guint needs = c->has.needs;

    *ret_spec = (Confine){ .become = geteuid() == 0,
                           .uid = c->uid,
                           .gid = c->gid,
                           .group = c->group,
                           .files = FILES_MAX,
                           .tasks = c->how == CONFINE_OWN ? TASKS_MAX : 0,
                           .locks = (needs & NEED_LOCKS) != 0,
                           .caps = capabilities_of(needs),
                           .namespaces = qemu_paths->session ? 0 : namespaces_of(needs) };
    if (c->landlock > 0)
        ret_spec->landlock = make_ruleset(run, err);
    return ret_spec->landlock >= 0;
}

/* ---- a helper */

#define HELPER_FILES      1024
#define HELPER_FILE_BYTES (64 << 20)

static int
helper_ruleset(const char *program, const char *own, GError **err)
{
    fd_auto ruleset = landlock_new(TRUE);
    gboolean ok = ruleset >= 0 && landlock_allow(ruleset, program, SIGHT_RUN) &&
                  landlock_allow(ruleset, own, SIGHT_OWN);

    for (gsize i = 0; ok && i < G_N_ELEMENTS(sights); i++)
        ok = sights[i].machines || landlock_allow(ruleset, sights[i].path, sights[i].sight);
    if (ok)
        return fd_steal(&ruleset);
    fail_errno(err, errno, "cannot confine '%s' to its part of the file system", program);
    return -1;
}

gboolean
confine_helper(const Run *run, const char *program, const char *own, gboolean others,
               Confine *ret_spec, GError **err)
{
    const Confined *c = &run->confined;

    *ret_spec = (Confine){
        .become = geteuid() == 0,
        .uid = others ? 0 : c->uid,
        .gid = others ? 0 : c->gid,
        .caps = others ? CAP(DAC_OVERRIDE) : 0,
        .files = HELPER_FILES,
        .file_bytes = HELPER_FILE_BYTES,
        .tasks = c->how == CONFINE_OWN && !others ? TASKS_MAX : 0,
        .namespaces = qemu_paths->session ? 0 : CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET,
    };
    if (landlock_abi() > 0)
        ret_spec->landlock = helper_ruleset(program, own, err);
    return ret_spec->landlock >= 0;
}

gboolean
confine_is_wanted(const Run *run)
{
    return run->confined.how != CONFINE_UNKNOWN && run->confined.how != CONFINE_NOT;
}

/* ---- whether it came to be */

gboolean
confine_is_shared(pid_t pid, const char *namespace)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/ns/%s", (int)pid, namespace);
    g_autofree char *own = g_strconcat("/proc/self/ns/", namespace, NULL);
    struct stat a, b;

    return stat(path, &a) < 0 || stat(own, &b) < 0 ||
           (a.st_dev == b.st_dev && a.st_ino == b.st_ino);
}

void
confine_verify(Vm *vm)
{
    Confined *c = &vm->run->confined;
    static const char *const why = "the kernel gave it no network of its own";

    if (!confine_is_wanted(vm->run) || qemu_paths->session ||
        c->has.needs & (NEED_NET | NEED_SLIRP) || !confine_is_shared(vm->run->pid, "net"))
        return;
    needs_add(&c->has, NEED_NET, why);
    vmlog_line(vm, "QEMU is confined in part: %s", why);
}

/* ---- devices that come later */

/* Whether the kernel denies this QEMU something that it needs now. */
static guint
denied(const Run *run, guint before, guint after)
{
    const Confined *c = &run->confined;
    guint more = after & ~before & ~c->has.needs & ~(guint)NEED_LOCKS;

    if (!confine_is_wanted(run))
        return 0;
    if (qemu_paths->session)
        more &= NEED_FILES;
    return c->landlock > 0 ? more : more & ~(guint)NEED_FILES;
}

gboolean
confine_allows(const Vm *vm, const DomainDef *live, GError **err)
{
    Needs before = { 0 }, after = { 0 };
    const char *why;
    gboolean ok;

    needs_of(vm->run->live, NULL, vm->run->dir, &before);
    needs_of(live, NULL, vm->run->dir, &after);
    ok = !(denied(vm->run, before.needs, after.needs) & ~(guint)NEED_SLIRP);
    why = after.reasons ? after.reasons : "";
    if (before.reasons && g_str_has_prefix(why, before.reasons))
        why += strlen(before.reasons);
    if (!ok)
        fail(err, ERR_OPERATION_UNSUPPORTED,
             "this QEMU is confined, as user %u, and lacks a right that the device needs%s%s; "
             "add the device to the persistent definition and start the domain again",
             vm->run->confined.uid, *why == '\n' ? ":" : ": ", why);
    needs_done(&before);
    needs_done(&after);
    return ok;
}

void
confine_plugged(Vm *vm, const NetDef *net)
{
    g_autofree char *of = g_strdup_printf("interface '%s'", net->info.alias);

    if (net->source.net_type == NET_USER && !net_has_passt(net) && denied(vm->run, 0, NEED_SLIRP))
        vm_trouble(vm, of,
                   "no network: this QEMU was started without the host's; there will be one at the "
                   "domain's next start, or with <backend type='passt'/>");
}

/* ---- a QEMU whose status is lost */

void
confine_found(Vm *vm)
{
    Confined *c = &vm->run->confined;
    g_autofree char *path = g_strdup_printf("/proc/%d", (int)vm->run->pid);
    g_autoptr(GError) err = NULL;
    struct stat st;

    if (qemu_paths->session || stat(path, &st) < 0)
        return;
    c->uid = st.st_uid;
    c->gid = st.st_gid;
    c->landlock = -1;
    c->how = is_own_id(c->uid) ? CONFINE_OWN : c->uid == 0 ? CONFINE_DAEMON : CONFINE_CHOSEN;
    show_label(vm->run);
    if (c->how != CONFINE_DAEMON && !claim_id(vm, c->uid, c->how == CONFINE_CHOSEN, &err))
        log_warning("domain '%s': %s", vm->obj.name, err->message);
}
