/* The questions about capabilities in qemu.h: find the emulators that a question is about, wait for
 * a probe if one is needed, write the document. */
#include "hostcaps.h"

#include <string.h>

/* ---- virConnectGetCapabilities: every emulator there is, one after the other */

typedef struct Gather {
    VmText done;
    gpointer user;
    guint next;
    GArray *guests;  /* of GuestArch */
    GuestArch asked; /* whose emulator is being found */
} Gather;

static void gather_next(Gather *g);

static void
on_gathered(const Emulator *e, const GError *err, gpointer user)
{
    Gather *g = user;

    g->asked.emulator = e;
    if (e != NULL)
        g_array_append_val(g->guests, g->asked);
    else
        log_warning("%s", err->message);
    gather_next(g);
}

static void
gather_next(Gather *g)
{
    g_autofree char *text = NULL;

    while (g->next < emulator_arches()) {
        guint bits;
        const char *arch = emulator_arch(g->next++, &bits);
        g_autofree char *path = emulator_binary(arch, NULL);

        if (path != NULL) {
            g->asked = (GuestArch){ arch, bits, NULL };
            emulator_get(path, on_gathered, g);
            return;
        }
    }
    text = hostcaps_format(g->guests);
    g->done(text, NULL, g->user);
    g_array_unref(g->guests);
    g_free(g);
}

void
qemu_capabilities(VmText done, gpointer user)
{
    Gather *g = g_new0(Gather, 1);

    g->done = done;
    g->user = user;
    g->guests = g_array_new(FALSE, FALSE, sizeof(GuestArch));
    gather_next(g);
}

/* ---- virConnectGetDomainCapabilities */

typedef struct DomainQuestion {
    VmText done;
    gpointer user;
    char *arch, *machine, *virttype;
} DomainQuestion;

static void
domain_question_free(DomainQuestion *q)
{
    g_free(q->arch);
    g_free(q->machine);
    g_free(q->virttype);
    g_free(q);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DomainQuestion, domain_question_free)

static gboolean
take_virttype(const Emulator *e, const char *virttype, gboolean *ret_kvm, GError **err)
{
    int type = virttype != NULL ? word_find(virt_types, virttype) : 0;

    if (virttype != NULL && type == 0)
        return fail(err, ERR_INVALID_ARG, "unknown virttype: %s", virttype);
    if ((type == VIRT_KVM && !e->kvm) || (type != 0 && type != VIRT_KVM && type != VIRT_QEMU))
        return fail(err, ERR_INVALID_ARG, "Emulator '%s' does not support virt type '%s'", e->path,
                    virttype);
    *ret_kvm = type == 0 ? e->kvm : type == VIRT_KVM;
    return TRUE;
}

gboolean
domcaps_target(const Emulator *e, const char *arch, const char *machine, const char *virttype,
               const Machine **ret_machine, gboolean *ret_kvm, GError **err)
{
    const Machine *m = machine != NULL ? emulator_machine(e, machine) : emulator_default_machine(e);

    if (arch != NULL && !arch_runs(e->arch, arch))
        return fail(err, ERR_INVALID_ARG,
                    "architecture from emulator '%s' doesn't match given architecture '%s'",
                    e->arch, arch);
    if (m == NULL)
        return fail(err, ERR_INVALID_ARG, "the machine '%s' is not supported by emulator '%s'",
                    machine != NULL ? machine : "", e->path);
    if (!take_virttype(e, virttype, ret_kvm, err))
        return FALSE;
    *ret_machine = m;
    return TRUE;
}

static char *
domain_answer(const DomainQuestion *q, const Emulator *e, GError **err)
{
    const Machine *m;
    gboolean kvm;

    if (!domcaps_target(e, q->arch, q->machine, q->virttype, &m, &kvm, err))
        return NULL;
    return domcaps_format(e, q->arch != NULL ? q->arch : e->arch, m, kvm);
}

static void
on_domain_emulator(const Emulator *e, const GError *err, gpointer user)
{
    g_autoptr(DomainQuestion) q = user;
    g_autoptr(GError) own = NULL;
    g_autofree char *text = e != NULL ? domain_answer(q, e, &own) : NULL;

    q->done(text, err != NULL ? err : own, q->user);
}

void
qemu_domain_capabilities(const char *emulator, const char *arch, const char *machine,
                         const char *virttype, VmText done, gpointer user)
{
    g_autoptr(GError) err = NULL;
    g_autofree char *path = emulator != NULL
                                ? g_strdup(emulator)
                                : emulator_binary(arch != NULL ? arch : emulator_host_arch(), &err);
    DomainQuestion *q;

    if (path == NULL) {
        done(NULL, err, user);
        return;
    }
    q = g_new0(DomainQuestion, 1);
    q->done = done;
    q->user = user;
    q->arch = g_strdup(arch);
    q->machine = g_strdup(machine);
    q->virttype = g_strdup(virttype);
    emulator_get(path, on_domain_emulator, q);
}

/* ---- smaller ones */

typedef struct VersionQuestion {
    QemuVersion done;
    gpointer user;
} VersionQuestion;

static void
on_version_emulator(const Emulator *e, const GError *err, gpointer user)
{
    g_autofree VersionQuestion *q = user;

    q->done(e != NULL ? e->version : 0, err, q->user);
}

void
qemu_version(QemuVersion done, gpointer user)
{
    g_autoptr(GError) err = NULL;
    g_autofree char *path = emulator_binary(emulator_host_arch(), &err);
    VersionQuestion *q;

    if (path == NULL) {
        done(0, err, user);
        return;
    }
    q = g_new0(VersionQuestion, 1);
    q->done = done;
    q->user = user;
    emulator_get(path, on_version_emulator, q);
}

gboolean
qemu_max_vcpus(guint *ret_vcpus, GError **err)
{
    g_autoptr(GError) why = NULL;
    g_autofree char *path = emulator_binary(emulator_host_arch(), NULL);
    const Emulator *e = path != NULL ? emulator_known(path, &why) : NULL;
    const Machine *m = e != NULL ? emulator_default_machine(e) : NULL;

    if (error_awaited(why) != NULL) {
        g_propagate_error(err, g_steal_pointer(&why));
        return FALSE;
    }
    *ret_vcpus = m != NULL ? m->max_cpus : 0;
    return TRUE;
}
