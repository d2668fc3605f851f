/* The questions of the door that are about CPUs: finds the emulator whose models are meant, waits
 * for its probe where it must, reads the documents. */
#include "cpu.h"
#include "hostcaps.h"

#include <string.h>

typedef struct Question {
    CpuQuestion about; /* its strings are ours */
    GPtrArray *texts;  /* char *: documents */
    guint flags;
    CpuCompared compared;
    VmText text;
    CpuNames names;
    gpointer user;
} Question;

static void
question_free(Question *q)
{
    g_free((char *)q->about.emulator);
    g_free((char *)q->about.arch);
    g_free((char *)q->about.machine);
    g_free((char *)q->about.virttype);
    g_ptr_array_unref(q->texts);
    g_free(q);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Question, question_free)

static Question *
question_new(const CpuQuestion *about, guint flags, gpointer user)
{
    Question *q = g_new0(Question, 1);

    q->about = (CpuQuestion){ g_strdup(about->emulator), g_strdup(about->arch),
                              g_strdup(about->machine), g_strdup(about->virttype),
                              about->hypervisor };
    q->texts = g_ptr_array_new_with_free_func(g_free);
    q->flags = flags;
    q->user = user;
    return q;
}

/* ---- documents */

static CpuDef *
parse_cpu(const char *text, GError **err)
{
    g_autofree char *root = xml_root_name(text, -1, err);

    if (root == NULL)
        return NULL;
    if (!g_str_equal(root, "cpu")) {
        fail(err, ERR_XML, "XML does not contain expected 'cpu' element");
        return NULL;
    }
    return xml_parse(&cpu_schema, NULL, text, -1, 0, err);
}

static void
cpu_free(gpointer cpu)
{
    schema_free(&cpu_schema, cpu);
}

static GPtrArray *
parse_cpus(const Question *q, GError **err)
{
    g_autoptr(GPtrArray) cpus = g_ptr_array_new_with_free_func(cpu_free);

    for (guint i = 0; i < q->texts->len; i++) {
        CpuDef *cpu = parse_cpu(q->texts->pdata[i], err);

        if (cpu == NULL)
            return NULL;
        g_ptr_array_add(cpus, cpu);
    }
    return g_steal_pointer(&cpus);
}

/* ---- whom they are about */

static gboolean
take_offer(const Question *q, const Emulator *e, CpuOffer *ret_offer, Accel *ret_accel,
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

static void
ask_emulator(Question *q, EmulatorFound answer, GError **err)
{
    const char *arch = q->about.arch != NULL ? q->about.arch : emulator_host_arch();
    g_autofree char *path = q->about.emulator != NULL ? g_strdup(q->about.emulator)
                                                      : emulator_binary(arch, err);

    if (path != NULL)
        emulator_get(path, answer, q);
}

/* ---- compare */

static gboolean
compare(const Question *q, const Emulator *e, CpuMatch *ret_match, GError **err)
{
    g_autoptr(GPtrArray) cpus = parse_cpus(q, err);
    g_autoptr(GError) why = NULL;
    CpuOffer offer;
    Accel accel;

    if (cpus == NULL || !take_offer(q, e, &offer, &accel, err) ||
        !cpu_compare(cpus->pdata[0], &offer, ret_match, &why, err))
        return FALSE;
    if (*ret_match != CPU_INCOMPATIBLE || !(q->flags & CPU_COMPARE_FAIL))
        return TRUE;
    g_propagate_error(err, g_steal_pointer(&why));
    return FALSE;
}

static void
on_compare(const Emulator *e, const GError *failure, gpointer user)
{
    g_autoptr(Question) q = user;
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
    Question *q = question_new(about, flags, user);
    g_autoptr(GError) err = NULL;

    q->compared = done;
    g_ptr_array_add(q->texts, g_strdup(xml));
    ask_emulator(q, on_compare, &err);
    if (err == NULL)
        return;
    done(0, err, user);
    question_free(q);
}

/* ---- baseline */

static char *
baseline(const Question *q, const Emulator *e, GError **err)
{
    g_autoptr(GPtrArray) cpus = parse_cpus(q, err);
    CpuBaseline in = { .cpus = cpus,
                       .expand = (q->flags & CPU_BASELINE_EXPAND) != 0,
                       .migratable = (q->flags & CPU_BASELINE_MIGRATABLE) != 0 };
    CpuOffer offer;

    in.hypervisor = q->about.hypervisor;
    if (cpus == NULL || !take_offer(q, e, &offer, &in.accel, err))
        return NULL;
    return cpu_baseline(&in, e, err);
}

static void
on_baseline(const Emulator *e, const GError *failure, gpointer user)
{
    g_autoptr(Question) q = user;
    g_autoptr(GError) err = NULL;
    g_autofree char *text = e != NULL ? baseline(q, e, &err) : NULL;

    q->text(text, e != NULL ? err : failure, q->user);
}

void
qemu_cpu_baseline(const CpuQuestion *about, const char *const *xmls, guint n, guint flags,
                  VmText done, gpointer user)
{
    Question *q = question_new(about, flags, user);
    g_autoptr(GError) err = NULL;

    q->text = done;
    for (guint i = 0; i < n; i++)
        g_ptr_array_add(q->texts, g_strdup(xmls[i]));
    ask_emulator(q, on_baseline, &err);
    if (err == NULL)
        return;
    done(NULL, err, user);
    question_free(q);
}

/* ---- names */

static void
on_models(const Emulator *e, const GError *failure, gpointer user)
{
    g_autoptr(Question) q = user;
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
    Question *q;

    if (!is_arch(arch)) {
        fail(&err, ERR_INVALID_ARG, "cannot find architecture %s", arch);
        done(NULL, 0, err, user);
        return;
    }
    q = question_new(&about, 0, user);
    q->names = done;
    ask_emulator(q, on_models, &err);
    if (err == NULL)
        return;
    /* Nobody here could run any. */
    done(NULL, 0, NULL, user);
    question_free(q);
}
