/* The questions of the door that are about CPUs: finds the emulator whose models are meant, waits
 * for its probe where it must, reads the documents: those of a baseline first, as libvirtd does,
 * that of a comparison when it is known that the emulator can do what is asked. */
#include "cpu.h"
#include "hostcaps.h"

#include <string.h>

typedef struct CpuAsked {
    CpuQuestion about; /* its strings are ours */
    GPtrArray *docs;   /* CpuDoc */
    char *xml;         /* of a comparison */
    guint flags;
    CpuCompared compared;
    VmText text;
    CpuNames names;
    gpointer user;
} CpuAsked;

static void
doc_free(gpointer doc)
{
    cpu_doc_free(doc);
}

static void
question_free(CpuAsked *q)
{
    g_free((char *)q->about.emulator);
    g_free((char *)q->about.arch);
    g_free((char *)q->about.machine);
    g_free((char *)q->about.virttype);
    g_ptr_array_unref(q->docs);
    g_free(q->xml);
    g_free(q);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CpuAsked, question_free)

static CpuAsked *
question_new(const CpuQuestion *about, guint flags, gpointer user)
{
    CpuAsked *q = g_new0(CpuAsked, 1);

    q->about = (CpuQuestion){ g_strdup(about->emulator), g_strdup(about->arch),
                              g_strdup(about->machine), g_strdup(about->virttype),
                              about->hypervisor };
    q->docs = g_ptr_array_new_with_free_func(doc_free);
    q->flags = flags;
    q->user = user;
    return q;
}

/* ---- whom they are about */

static gboolean
take_offer(const CpuAsked *q, const Emulator *e, CpuOffer *ret_offer, Accel *ret_accel,
           GError **err)
{
    const CpuQuestion *about = &q->about;
    const Machine *machine;
    gboolean kvm;

    if (!about->hypervisor) {
        *ret_accel = ACCEL_KVM;
        *ret_offer = cpu_offer_here(e);
        return TRUE;
    }
    if (!domcaps_target(e, about->arch, about->machine, about->virttype, &machine, &kvm, err))
        return FALSE;
    *ret_accel = kvm ? ACCEL_KVM : ACCEL_TCG;
    *ret_offer = cpu_offer_of(e, *ret_accel);
    return e->host[*ret_accel].known ||
           fail(err, ERR_CONFIG_UNSUPPORTED, "emulator %s does not tell which CPU it can give",
                e->path);
}

/* The emulator that is meant; of a host, the one of its architecture. */
static gboolean
ask_emulator(CpuAsked *q, EmulatorFound answer, GError **err)
{
    const char *arch = q->about.arch != NULL ? q->about.arch : emulator_host_arch();
    g_autofree char *path = q->about.emulator != NULL ? g_strdup(q->about.emulator)
                                                      : emulator_binary(arch, err);

    if (path != NULL)
        emulator_get(path, answer, q);
    return path != NULL;
}

static gboolean
take_doc(CpuAsked *q, const char *xml, guint flags, GError **err)
{
    CpuDoc *doc = cpu_doc_parse(xml, flags, err);

    if (doc != NULL)
        g_ptr_array_add(q->docs, doc);
    return doc != NULL;
}

/* ---- compare */

static gboolean
compare(CpuAsked *q, const Emulator *e, CpuMatch *ret_match, GError **err)
{
    guint how = (q->flags & CPU_COMPARE_VALIDATE) != 0 ? CPU_DOC_VALIDATE : 0;
    g_autoptr(GError) why = NULL;
    CpuOffer offer;
    Accel accel;

    if (!take_offer(q, e, &offer, &accel, err) || !take_doc(q, q->xml, how, err) ||
        !cpu_compare(q->docs->pdata[0], &offer, ret_match, &why, err))
        return FALSE;
    if (*ret_match != CPU_INCOMPATIBLE || !(q->flags & CPU_COMPARE_FAIL))
        return TRUE;
    g_propagate_error(err, g_steal_pointer(&why));
    return FALSE;
}

static void
on_compare(const Emulator *e, const GError *failure, gpointer user)
{
    g_autoptr(CpuAsked) q = user;
    g_autoptr(GError) err = NULL;
    CpuMatch match = CPU_INCOMPATIBLE;

    if (e != NULL)
        compare(q, e, &match, &err);
    q->compared((int)match, e != NULL ? err : failure, q->user);
}

void
qemu_cpu_compare(const CpuQuestion *about, const char *xml, guint flags, CpuCompared done,
                 gpointer user)
{
    CpuAsked *q = question_new(about, flags, user);
    g_autoptr(GError) err = NULL;

    q->compared = done;
    q->xml = g_strdup(xml);
    if (ask_emulator(q, on_compare, &err))
        return;
    done(0, err, user);
    question_free(q);
}

/* ---- baseline */

static char *
baseline(const CpuAsked *q, const Emulator *e, GError **err)
{
    CpuBaseline in = { .cpus = q->docs,
                       .hypervisor = q->about.hypervisor,
                       .expand = (q->flags & CPU_BASELINE_EXPAND) != 0,
                       .migratable = (q->flags & CPU_BASELINE_MIGRATABLE) != 0 };
    CpuOffer offer;

    return take_offer(q, e, &offer, &in.accel, err) ? cpu_baseline(&in, e, err) : NULL;
}

static void
on_baseline(const Emulator *e, const GError *failure, gpointer user)
{
    g_autoptr(CpuAsked) q = user;
    g_autoptr(GError) err = NULL;
    g_autofree char *text = e != NULL ? baseline(q, e, &err) : NULL;

    q->text(text, e != NULL ? err : failure, q->user);
}

/* Hosts are of the first one's architecture. */
static gboolean
take_docs(CpuAsked *q, const char *const *xmls, guint n, GError **err)
{
    for (guint i = 0; i < n; i++)
        if (!take_doc(q, xmls[i], q->about.hypervisor ? 0 : CPU_DOC_HOST, err))
            return FALSE;
    if (n > 0 && !q->about.hypervisor)
        q->about.arch = g_strdup(((const CpuDoc *)q->docs->pdata[0])->arch);
    return TRUE;
}

void
qemu_cpu_baseline(const CpuQuestion *about, const char *const *xmls, guint n, guint flags,
                  VmText done, gpointer user)
{
    CpuAsked *q = question_new(about, flags, user);
    g_autoptr(GError) err = NULL;

    q->text = done;
    if (take_docs(q, xmls, n, &err) && ask_emulator(q, on_baseline, &err))
        return;
    done(NULL, err, user);
    question_free(q);
}

/* ---- names */

static void
on_models(const Emulator *e, const GError *failure, gpointer user)
{
    g_autoptr(CpuAsked) q = user;
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (guint i = 0; e != NULL && i < e->models->len; i++) {
        const CpuModel *m = &g_array_index(e->models, CpuModel, i);

        if (!cpu_is_own_mode(m))
            g_ptr_array_add(names, (gpointer)m->name);
    }
    q->names((const char *const *)names->pdata, names->len, failure, q->user);
}

static gboolean
is_arch(const char *name)
{
    guint bits;

    for (guint i = 0; i < emulator_arches(); i++)
        if (g_str_equal(emulator_arch(i, &bits), name))
            return TRUE;
    return FALSE;
}

void
qemu_cpu_models(const char *arch, CpuNames done, gpointer user)
{
    CpuQuestion about = { .arch = arch };
    g_autoptr(GError) err = NULL;
    CpuAsked *q;

    if (!is_arch(arch)) {
        fail(&err, ERR_INVALID_ARG, "cannot find architecture %s", arch);
        done(NULL, 0, err, user);
        return;
    }
    q = question_new(&about, 0, user);
    q->names = done;
    if (ask_emulator(q, on_models, &err))
        return;
    /* Nobody here could run any. */
    done(NULL, 0, NULL, user);
    question_free(q);
}
