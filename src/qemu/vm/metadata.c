/* Title, description and metadata of a domain, and its documents for clients. */
#include <string.h>

#include "vm.h"

/* ---- dumpxml */

enum { SECURE = 1, INACTIVE = 2, UPDATE_CPU = 4, MIGRATABLE = 8 };

static guint
format_flags(guint flags)
{
    return (flags & SECURE ? DEF_SECURE : 0) | (flags & MIGRATABLE ? DEF_MIGRATABLE : 0);
}

static void
take_text(char **to, const char *from)
{
    g_free(*to);
    *to = g_strdup(from);
}

static void
take_limits(DiskDef *to, const GPtrArray *disks)
{
    for (guint i = 0; i < list_length(disks); i++) {
        const DiskDef *from = disks->pdata[i];

        if (strcmp(from->target, to->target) != 0)
            continue;
        schema_free(&iotune_schema, to->iotune);
        to->iotune = from->iotune ? schema_copy(&iotune_schema, from->iotune) : NULL;
    }
}

/* What runs, as it is written for another host: the definition that it began with has its CPU and
 * its ports as they were asked for; what has changed since is the live one's. */
static char *
format_migratable(Vm *vm, GError **err)
{
    const DomainDef *live = vm->run->live;
    g_autoptr(DomainDef) def = NULL;

    if (!vm->persistent || vm->run->outdated)
        return domain_format(live, DEF_MIGRATABLE);
    if (!(def = define_copy(vm, err)))
        return NULL;
    def->current_memory = live->current_memory;
    def->on_poweroff = live->on_poweroff;
    def->on_reboot = live->on_reboot;
    def->on_crash = live->on_crash;
    take_text(&def->title, live->title);
    take_text(&def->description, live->description);
    take_text(&def->metadata, live->metadata);
    for (guint i = 0; i < list_length(def->devices.disks); i++)
        take_limits(def->devices.disks->pdata[i], live->devices.disks);
    schema_free(&cputune_schema, def->cputune);
    def->cputune = live->cputune ? schema_copy(&cputune_schema, live->cputune) : NULL;
    return domain_format(def, DEF_MIGRATABLE);
}

/* The text is kept until something changes the definition (run_alter). A start and a stop change
 * it all the time. A build with sanitizers asks each time whether a change has gone past run_alter.
 */
static char *
format_live(Run *run, gboolean secure)
{
    if (!run->complete || run->stopping)
        return domain_format(run->live, DEF_LIVE | (secure ? DEF_SECURE : 0));
    if (!run->live_text)
        run->live_text = domain_format_noting(run->live, DEF_LIVE, &run->live_secret);
    if (secure && run->live_secret)
        return domain_format(run->live, DEF_LIVE | DEF_SECURE);
#ifdef __SANITIZE_ADDRESS__
    g_autofree char *now = domain_format(run->live, DEF_LIVE);

    if (strcmp(now, run->live_text) != 0)
        g_error("domain '%s': kept:\n%snow:\n%s", run->live->name, run->live_text, now);
#endif
    return g_strdup(run->live_text);
}

char *
vm_xml(Vm *vm, guint flags, GError **err)
{
    gboolean live = vm->run && !(flags & INACTIVE);
    guint how = format_flags(flags);
    const DomainDef *def;

    if (live && flags & MIGRATABLE)
        return format_migratable(vm, err);
    if (live)
        return format_live(vm->run, (how & DEF_SECURE) != 0);
    if (vm->persistent && !(how & DEF_MIGRATABLE))
        return define_text(vm, (how & DEF_SECURE) != 0, err);
    def = vm->persistent ? define_get(vm, err) : vm->run->live;
    return def ? domain_format(def, how) : NULL;
}

typedef struct XmlAsk {
    Vm *vm;
    guint flags;
    VmText done;
    gpointer user;
} XmlAsk;

static void
on_xml_emulator(const Emulator *e, const GError *err, gpointer user)
{
    g_autofree XmlAsk *a = user;
    g_autoptr(DomainDef) def = NULL;
    g_autoptr(GError) own = NULL;
    g_autofree char *xml = NULL;

    if (!err)
        def = define_copy(a->vm, &own);
    if (def && def->cpu)
        cpu_spell(def->cpu, e, def->virt_type == VIRT_KVM ? ACCEL_KVM : ACCEL_TCG);
    if (def)
        xml = domain_format(def, format_flags(a->flags));
    a->done(xml, err ?: own, a->user);
    object_unref(a->vm);
}

void
vm_ask_xml(Vm *vm, guint flags, VmText done, gpointer user)
{
    g_autoptr(GError) err = NULL;
    g_autofree char *xml = NULL;
    const DomainDef *def = NULL;

    /* A running one has got its CPU, and nothing is left to be told of it. */
    if (flags & UPDATE_CPU && vm->persistent && (!vm->run || flags & INACTIVE))
        def = define_get(vm, NULL);
    if (def && def->devices.emulator) {
        XmlAsk *a = g_new(XmlAsk, 1);
        *a = (XmlAsk){ object_ref(vm), flags, done, user };
        emulator_get(def->devices.emulator, on_xml_emulator, a);
        return;
    }
    xml = vm_xml(vm, flags, &err);
    done(xml, err, user);
}

gboolean
vm_is_updated(const Vm *vm)
{
    return vm->run && vm->run->outdated;
}

/* ---- which definition is meant */

gboolean
vm_resolve_impact(const Vm *vm, guint *impact, GError **err)
{
    if (!(*impact & (IMPACT_LIVE | IMPACT_CONFIG)))
        *impact |= vm->run ? IMPACT_LIVE : IMPACT_CONFIG;
    if (*impact & IMPACT_LIVE && !vm->run)
        return fail(err, ERR_NOT_RUNNING, "domain is not running");
    if (*impact & IMPACT_CONFIG && !vm->persistent)
        return fail(err, ERR_OPERATION_INVALID,
                    "transient domains do not have any persistent config");
    return TRUE;
}

/* ---- what users write about it */

char *
vm_metadata(Vm *vm, int type, const char *uri, guint impact, GError **err)
{
    static const char *const names[] = { "description", "title", "metadata" };
    const DomainDef *def;
    char *text;

    if (type < NOTE_DESCRIPTION || type > NOTE_ELEMENT) {
        fail(err, ERR_INVALID_ARG, "unknown metadata type %d", type);
        return NULL;
    }
    if (!vm_resolve_impact(vm, &impact, err))
        return NULL;
    if (!(def = impact & IMPACT_LIVE ? vm->run->live : define_get(vm, err)))
        return NULL;
    if (!(text = notes_get(&NOTES_IN(def), type, uri)))
        fail(err, ERR_NO_METADATA,
             "Requested metadata element is not present: no %s in domain '%s'", names[type],
             vm->obj.name);
    return text;
}

typedef struct VmRemark {
    int type;
    char *value, *key, *uri; /* may be NULL */
} VmRemark;

static void
remark_free(gpointer data)
{
    VmRemark *r = data;

    g_free(r->value);
    g_free(r->key);
    g_free(r->uri);
    g_free(r);
}

static gboolean
remark_check(const Edit *e, GError **err)
{
    const VmRemark *r = e->data;

    return notes_check(r->type, r->value, r->key, r->uri, err);
}

static gboolean
remark_put(DomainDef *def, const Edit *e, GError **err)
{
    const VmRemark *r = e->data;
    HostPlan plan = { 0 };

    return notes_set(&NOTES_AT(def), r->type, r->value, r->key, r->uri, err) &&
           host_plan_read(&NOTES_IN(def), &plan, err);
}

static void
remark_told(const Edit *e)
{
    const VmRemark *r = e->data;
    Event event = vm_event(e->vm, DOMAIN_EVENT_METADATA_CHANGE);

    event.n[0] = r->type;
    event.s[0] = r->uri;
    event_emit(&event);
}

void
vm_set_metadata(Vm *vm, int type, const char *value, const char *key, const char *uri, guint impact,
                Asker who, VmDone done, gpointer user)
{
    static const EditKind kind = { .what = "set metadata",
                                   .flags = EDIT_WORDS,
                                   .check = remark_check,
                                   .change = remark_put,
                                   .done = remark_told };
    VmRemark *r = g_new(VmRemark, 1);

    *r = (VmRemark){ type, g_strdup(value), g_strdup(key), g_strdup(uri) };
    edit_run(edit_new(vm, &kind, impact, r, remark_free), who, done, user);
}

/* ---- messages */

enum { MESSAGE_DEPRECATION = 1, MESSAGE_TAINTING = 2 };

/* What the emulator says of its own machine and processors. */
static const EmulatorCaps *
caps_of(const DomainDef *live, GError **err)
{
    return emulator_known_caps(live->devices.emulator, live->virt_type, err);
}

/* A daemon that took the domain over may not have asked its emulator yet. */
static gboolean
needs_emulator(const Vm *vm, GError **err)
{
    g_autoptr(GError) why = NULL;

    if (!vm->run || !vm->run->live->devices.emulator || caps_of(vm->run->live, &why) ||
        !error_awaited(why))
        return FALSE;
    g_propagate_error(err, g_steal_pointer(&why));
    return TRUE;
}

static gboolean
machine_is_old(const DomainDef *live)
{
    const EmulatorCaps *caps = live->devices.emulator ? caps_of(live, NULL) : NULL;
    const MachineCaps *m = caps && live->os.machine ? caps_machine(caps, live->os.machine) : NULL;

    return m && m->deprecated;
}

static gboolean
model_is_old(const DomainDef *live)
{
    const EmulatorCaps *caps = live->devices.emulator ? caps_of(live, NULL) : NULL;
    const char *name = live->cpu ? live->cpu->model : NULL;

    for (guint i = 0; name && caps && caps->cpu_models && i < caps->cpu_models->len; i++) {
        const CpuModelCaps *m = caps->cpu_models->pdata[i];
        if (strcmp(m->name, name) == 0)
            return m->deprecated;
    }
    return FALSE;
}

static gboolean
is_old(const Vm *vm)
{
    return machine_is_old(vm->run->live) || model_is_old(vm->run->live);
}

static gboolean
has_custom_words(const Vm *vm)
{
    const QemuNamespace *q = vm->run->live->qemu;

    return q && (q->args || q->envs || q->overrides);
}

static gboolean
was_commanded(const Vm *vm)
{
    return vm->run->taint & TAINT_CUSTOM_MONITOR;
}

static gboolean
was_guest_commanded(const Vm *vm)
{
    return vm->run->taint & TAINT_CUSTOM_GUEST_COMMAND;
}

/* Not of a user's daemon, which has none to give. */
static gboolean
is_privileged(const Vm *vm)
{
    const Confined *c = &vm->run->confined;

    return !qemu_paths->session && c->how != CONFINE_UNKNOWN && c->uid == 0;
}

static gboolean
passes_cpu_through(const Vm *vm)
{
    const CpuDef *cpu = vm->run->live->cpu;

    return cpu && cpu->mode == CPU_HOST_PASSTHROUGH;
}

static const struct {
    gboolean (*holds)(const Vm *vm);
    const char *text;
} taints[] = {
    { has_custom_words, "custom configuration parameters specified" },
    { was_commanded, "custom monitor control commands issued" },
    { is_privileged, "running with undesirable elevated privileges" },
    { passes_cpu_through, "use of host cpu passthrough" },
    { was_guest_commanded, "custom guest agent control commands issued" },
    { is_old, "use of deprecated configuration settings" },
};

static void
add_deprecations(GPtrArray *list, const DomainDef *live)
{
    if (machine_is_old(live))
        g_ptr_array_add(
            list, g_strdup_printf("deprecated configuration: machine type '%s'", live->os.machine));
    if (model_is_old(live))
        g_ptr_array_add(
            list, g_strdup_printf("deprecated configuration: CPU model '%s'", live->cpu->model));
}

static void
add_troubles(GPtrArray *list, GHashTable *troubles)
{
    GHashTableIter i;
    gpointer of, text;

    g_hash_table_iter_init(&i, troubles);
    while (g_hash_table_iter_next(&i, &of, &text))
        g_ptr_array_add(list, g_strdup_printf("%s: %s", (char *)of, (char *)text));
}

char **
vm_messages(Vm *vm, guint types, GError **err)
{
    g_autoptr(GError) broken = NULL;
    GPtrArray *list;

    if (needs_emulator(vm, err))
        return NULL;
    list = g_ptr_array_new();
    if (types == 0)
        types = MESSAGE_DEPRECATION | MESSAGE_TAINTING;
    for (gsize i = 0; vm->run && types & MESSAGE_TAINTING && i < G_N_ELEMENTS(taints); i++)
        if (taints[i].holds(vm))
            g_ptr_array_add(list, g_strdup_printf("tainted: %s", taints[i].text));
    if (vm->run && vm->run->doubt && types & MESSAGE_TAINTING)
        g_ptr_array_add(list, g_strdup_printf("found again in part: %s", vm->run->doubt));
    if (vm->run && vm->run->troubles && types & MESSAGE_TAINTING)
        add_troubles(list, vm->run->troubles);
    if (vm->run && types & MESSAGE_DEPRECATION)
        add_deprecations(list, vm->run->live);
    for (guint i = 0; vm->unknown && types & MESSAGE_DEPRECATION && i < vm->unknown->len; i++)
        g_ptr_array_add(list, g_strdup_printf("ignored configuration: %s",
                                              (const char *)vm->unknown->pdata[i]));
    if (vm->persistent && !define_get(vm, &broken))
        g_ptr_array_add(list, g_strdup(broken->message));
    g_ptr_array_add(list, NULL);
    return (char **)g_ptr_array_free(list, FALSE);
}
