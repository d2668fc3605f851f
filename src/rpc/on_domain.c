/* Finding domains and reading about them: everything answers from memory. */
#include "on_domain.h"

#include <string.h>

#include "rpc_priv.h"

/* ---- shared by the domain's methods */

Vm *
call_vm(Call *c)
{
    const DomainRef *ref = call_in(c);
    Vm *vm = vm_find_uuid(ref->uuid);
    GError *err = NULL;
    char uuid[UUID_TEXT_LEN];

    if (vm)
        return vm;
    uuid_format(ref->uuid, uuid);
    fail(&err, ERR_NO_DOMAIN, "no domain with matching uuid '%s' (%s)", uuid, ref->name);
    call_fail(c, err);
    return NULL;
}

DomainRef
domain_ref(Vm *vm)
{
    const Object *o = vm_object(vm);
    DomainRef ref = { .name = o->name, .id = o->id };

    memcpy(ref.uuid, o->uuid, sizeof(ref.uuid));
    return ref;
}

void
call_reply_vm(Call *c, Vm *vm)
{
    DomainRef out = domain_ref(vm);

    call_reply(c, &out);
}

gboolean
call_flags_ok(Call *c, guint32 flags, guint32 known)
{
    GError *err = NULL;

    if (!(flags & ~known))
        return TRUE;
    fail(&err, ERR_INVALID_ARG, "unsupported flags (%#x)", flags & ~known);
    call_fail(c, err);
    return FALSE;
}

/* ---- one domain */

static void
reply_found(Call *c, Vm *vm, GError *err)
{
    if (vm)
        call_reply_vm(c, vm);
    else
        call_fail(c, err);
}

static void
lookup_by_name(Call *c)
{
    const DomainLookupByNameArgs *in = call_in(c);
    Vm *vm = vm_find_name(in->name);
    GError *err = NULL;

    if (!vm)
        fail(&err, ERR_NO_DOMAIN, "no domain with matching name '%s'", in->name);
    reply_found(c, vm, err);
}

static void
lookup_by_uuid(Call *c)
{
    const DomainLookupByUuidArgs *in = call_in(c);
    Vm *vm = vm_find_uuid(in->uuid);
    char uuid[UUID_TEXT_LEN];
    GError *err = NULL;

    uuid_format(in->uuid, uuid);
    if (!vm)
        fail(&err, ERR_NO_DOMAIN, "no domain with matching uuid '%s'", uuid);
    reply_found(c, vm, err);
}

static void
lookup_by_id(Call *c)
{
    const DomainLookupByIdArgs *in = call_in(c);
    Vm *vm = vm_find_id(in->id);
    GError *err = NULL;

    if (!vm)
        fail(&err, ERR_NO_DOMAIN, "no domain with matching id %d", in->id);
    reply_found(c, vm, err);
}

/* ---- lists */

enum {
    LIST_ACTIVE = 1 << 0,
    LIST_INACTIVE = 1 << 1,
    LIST_PERSISTENT = 1 << 2,
    LIST_TRANSIENT = 1 << 3,
    LIST_RUNNING = 1 << 4,
    LIST_PAUSED = 1 << 5,
    LIST_SHUTOFF = 1 << 6,
    LIST_OTHER = 1 << 7,
    LIST_SAVED = 1 << 8,
    LIST_NOT_SAVED = 1 << 9,
    LIST_AUTOSTART = 1 << 10,
    LIST_NO_AUTOSTART = 1 << 11,
    LIST_SNAPSHOT = 1 << 12,
    LIST_NO_SNAPSHOT = 1 << 13,
    LIST_CHECKPOINT = 1 << 14,
    LIST_NO_CHECKPOINT = 1 << 15,
};

static guint32
state_bit(Vm *vm)
{
    VmInfo info;

    vm_info(vm, &info);
    if (info.state == VM_RUNNING)
        return LIST_RUNNING;
    if (info.state == VM_PAUSED)
        return LIST_PAUSED;
    return info.state == VM_SHUTOFF ? LIST_SHUTOFF : LIST_OTHER;
}

/* A filter is the bits of several questions; a question without any bit lets all pass. */
static gboolean
passes(Vm *vm, guint32 flags)
{
    static const guint32 questions[] = {
        LIST_ACTIVE | LIST_INACTIVE,
        LIST_PERSISTENT | LIST_TRANSIENT,
        LIST_RUNNING | LIST_PAUSED | LIST_SHUTOFF | LIST_OTHER,
        LIST_SAVED | LIST_NOT_SAVED,
        LIST_AUTOSTART | LIST_NO_AUTOSTART,
        LIST_SNAPSHOT | LIST_NO_SNAPSHOT,
        LIST_CHECKPOINT | LIST_NO_CHECKPOINT,
    };
    guint32 is = LIST_NO_SNAPSHOT | LIST_NO_CHECKPOINT;

    is |= vm_is_active(vm) ? LIST_ACTIVE : LIST_INACTIVE;
    is |= vm_is_persistent(vm) ? LIST_PERSISTENT : LIST_TRANSIENT;
    is |= vm_has_managed_save(vm) ? LIST_SAVED : LIST_NOT_SAVED;
    is |= vm_autostart(vm, AUTOSTART_ALWAYS) ? LIST_AUTOSTART : LIST_NO_AUTOSTART;
    is |= state_bit(vm);
    for (gsize i = 0; i < G_N_ELEMENTS(questions); i++)
        if ((flags & questions[i]) && !(flags & questions[i] & is))
            return FALSE;
    return TRUE;
}

GPtrArray *
domains_matching(guint32 flags)
{
    GPtrArray *all = vm_list();

    for (guint i = all->len; (flags & DOMAIN_LIST_FLAGS) && i-- > 0;)
        if (!passes(all->pdata[i], flags))
            g_ptr_array_remove_index(all, i);
    return all;
}

static void
list_all(Call *c)
{
    const ConnectListAllDomainsArgs *in = call_in(c);
    ConnectListAllDomainsRet out = { 0 };

    if (!call_flags_ok(c, in->flags, DOMAIN_LIST_FLAGS))
        return;
    g_autoptr(GPtrArray) vms = domains_matching(in->flags);
    out.ret = vms->len;
    if (in->need_results) {
        out.domains.n = vms->len;
        out.domains.v = arena_new(call_arena(c), DomainRef, vms->len);
        for (guint i = 0; i < vms->len; i++)
            out.domains.v[i] = domain_ref(vms->pdata[i]);
    }
    call_reply(c, &out);
}

static void
list_ids(Call *c)
{
    const ConnectListDomainsArgs *in = call_in(c);
    g_autoptr(GPtrArray) vms = domains_matching(LIST_ACTIVE);
    ConnectListDomainsRet out = { .ids = { .n = (guint32)CLAMP(in->maxids, 0, (gint)vms->len) } };

    out.ids.v = arena_new(call_arena(c), gint32, out.ids.n);
    for (guint i = 0; i < out.ids.n; i++)
        out.ids.v[i] = vm_object(vms->pdata[i])->id;
    call_reply(c, &out);
}

static void
count_active(Call *c)
{
    g_autoptr(GPtrArray) vms = domains_matching(LIST_ACTIVE);
    ConnectNumOfDomainsRet out = { .num = (gint32)vms->len };

    call_reply(c, &out);
}

static void
list_defined(Call *c)
{
    const ConnectListDefinedDomainsArgs *in = call_in(c);
    g_autoptr(GPtrArray) vms = domains_matching(LIST_INACTIVE);
    ConnectListDefinedDomainsRet out = {
        .names = { .n = (guint32)CLAMP(in->maxnames, 0, (gint)vms->len) },
    };

    out.names.v = arena_new(call_arena(c), const char *, out.names.n);
    for (guint i = 0; i < out.names.n; i++)
        out.names.v[i] = vm_object(vms->pdata[i])->name;
    call_reply(c, &out);
}

static void
count_defined(Call *c)
{
    g_autoptr(GPtrArray) vms = domains_matching(LIST_INACTIVE);
    ConnectNumOfDefinedDomainsRet out = { .num = (gint32)vms->len };

    call_reply(c, &out);
}

/* ---- reading one */

static void
get_xml(Call *c)
{
    const DomainGetXmlDescArgs *in = call_in(c);
    Vm *vm = call_vm(c);
    GError *err = NULL;

    if (!vm || !call_flags_ok(c, in->flags, 15))
        return;
    g_autofree char *xml = vm_xml(vm, in->flags, &err);
    DomainGetXmlDescRet out = { .xml = xml };
    if (xml)
        call_reply(c, &out);
    else
        call_fail(c, err);
}

static void
get_info(Call *c)
{
    Vm *vm = call_vm(c);
    VmInfo info;

    if (!vm)
        return;
    vm_info(vm, &info);
    DomainGetInfoRet out = {
        .state = info.state,
        .max_mem = info.max_memory_kib,
        .memory = info.memory_kib,
        .nr_virt_cpu = info.vcpus,
        .cpu_time = info.cpu_time_ns,
    };
    call_reply(c, &out);
}

static void
get_state(Call *c)
{
    const DomainGetStateArgs *in = call_in(c);
    Vm *vm = call_vm(c);
    VmInfo info;

    if (!vm || !call_flags_ok(c, in->flags, 0))
        return;
    vm_info(vm, &info);
    DomainGetStateRet out = { .state = (gint32)info.state, .reason = info.reason };
    call_reply(c, &out);
}

static void
get_max_memory(Call *c)
{
    Vm *vm = call_vm(c);
    VmInfo info;

    if (!vm)
        return;
    vm_info(vm, &info);
    DomainGetMaxMemoryRet out = { .memory = info.max_memory_kib };
    call_reply(c, &out);
}

static void
get_os_type(Call *c)
{
    Vm *vm = call_vm(c);

    if (!vm)
        return;
    DomainGetOsTypeRet out = { .type = vm_def(vm)->os.type };
    call_reply(c, &out);
}

/* Replies that are one number, of a question that cannot fail. */
typedef int (*Question)(Vm *vm);

static void
reply_number(Call *c, Question question)
{
    Vm *vm = call_vm(c);

    if (!vm)
        return;
    gint32 out = question(vm);
    call_reply(c, &out);
}

static int
none_of(Vm *vm)
{
    return 0;
}

static int
is_active(Vm *vm)
{
    return vm_is_active(vm);
}

static int
is_persistent(Vm *vm)
{
    return vm_is_persistent(vm);
}

static int
is_updated(Vm *vm)
{
    return vm_is_updated(vm);
}

static int
has_autostart(Vm *vm)
{
    return vm_autostart(vm, AUTOSTART_ALWAYS);
}

static int
has_autostart_once(Vm *vm)
{
    return vm_autostart(vm, AUTOSTART_ONCE);
}

static int
has_managed_save(Vm *vm)
{
    return vm_has_managed_save(vm);
}

#define NUMBER_METHOD(name, question)                                                              \
    static void name(Call *c)                                                                      \
    {                                                                                              \
        reply_number(c, question);                                                                 \
    }
NUMBER_METHOD(get_is_active, is_active)
NUMBER_METHOD(get_is_persistent, is_persistent)
NUMBER_METHOD(get_is_updated, is_updated)
NUMBER_METHOD(get_autostart, has_autostart)
NUMBER_METHOD(get_autostart_once, has_autostart_once)
NUMBER_METHOD(get_has_managed_save, has_managed_save)
NUMBER_METHOD(get_snapshot_num, none_of)
NUMBER_METHOD(get_has_current_snapshot, none_of)

/* Snapshots and checkpoints are not kept yet: there are none of any domain. */
static void
list_all_snapshots(Call *c)
{
    DomainListAllSnapshotsRet out = { 0 };

    if (call_vm(c))
        call_reply(c, &out);
}

static void
list_all_checkpoints(Call *c)
{
    DomainListAllCheckpointsRet out = { 0 };

    if (call_vm(c))
        call_reply(c, &out);
}

static void
list_snapshot_names(Call *c)
{
    DomainSnapshotListNamesRet out = { 0 };

    if (call_vm(c))
        call_reply(c, &out);
}

static void
find_snapshot(Call *c)
{
    const DomainSnapshotLookupByNameArgs *in = call_in(c);
    GError *err = NULL;

    if (!call_vm(c))
        return;
    fail(&err, ERR_NO_SNAPSHOT, "no domain snapshot with matching name '%s'", in->name);
    call_fail(c, err);
}

static void
get_current_snapshot(Call *c)
{
    GError *err = NULL;

    if (!call_vm(c))
        return;
    fail(&err, ERR_NO_SNAPSHOT, "the domain does not have a current snapshot");
    call_fail(c, err);
}

static void
find_checkpoint(Call *c)
{
    const DomainCheckpointLookupByNameArgs *in = call_in(c);
    GError *err = NULL;

    if (!call_vm(c))
        return;
    fail(&err, ERR_NO_CHECKPOINT, "no domain checkpoint with matching name '%s'", in->name);
    call_fail(c, err);
}

static void
get_metadata(Call *c)
{
    const DomainGetMetadataArgs *in = call_in(c);
    Vm *vm = call_vm(c);
    GError *err = NULL;

    if (!vm || !call_flags_ok(c, in->flags, 3))
        return;
    g_autofree char *text = vm_metadata(vm, in->type, in->uri, in->flags, &err);
    DomainGetMetadataRet out = { .metadata = text };
    if (text)
        call_reply(c, &out);
    else
        call_fail(c, err);
}

gboolean
call_needs_active(Call *c, Vm *vm)
{
    GError *err = NULL;

    if (vm_is_active(vm))
        return TRUE;
    fail(&err, ERR_NOT_RUNNING, "domain is not running");
    call_fail(c, err);
    return FALSE;
}

static void
get_control(Call *c)
{
    const DomainGetControlInfoArgs *in = call_in(c);
    Vm *vm = call_vm(c);
    int state, details;
    guint64 ms;

    if (!vm || !call_flags_ok(c, in->flags, 0) || !call_needs_active(c, vm))
        return;
    vm_control(vm, &state, &details, &ms);
    DomainGetControlInfoRet out = { (guint32)state, (guint32)details, ms };
    call_reply(c, &out);
}

static void
get_messages(Call *c)
{
    const DomainGetMessagesArgs *in = call_in(c);
    Vm *vm = call_vm(c);

    if (!vm || !call_flags_ok(c, in->flags, 7))
        return;
    g_auto(GStrv) texts = vm_messages(vm, in->flags ? in->flags : 7);
    DomainGetMessagesRet out = {
        .msgs = { .v = (const char **)texts, .n = texts ? g_strv_length(texts) : 0 },
    };
    call_reply(c, &out);
}

static void
get_job_info(Call *c)
{
    Vm *vm = call_vm(c);
    VmJobInfo info;

    if (!vm || !call_needs_active(c, vm))
        return;
    vm_job_info(vm, &info);
    DomainGetJobInfoRet out = { .type = info.type, .time_elapsed = info.elapsed_ms };
    call_reply(c, &out);
}

static void
get_job_stats(Call *c)
{
    enum { COMPLETED = 1, KEEP_COMPLETED = 2 };
    const DomainGetJobStatsArgs *in = call_in(c);
    Vm *vm = call_vm(c);
    VmJobInfo info = { 0 };

    if (!vm || !call_flags_ok(c, in->flags, COMPLETED | KEEP_COMPLETED))
        return;
    /* Of completed jobs none is remembered. */
    if (!(in->flags & COMPLETED) && !call_needs_active(c, vm))
        return;
    if (!(in->flags & COMPLETED))
        vm_job_info(vm, &info);
    TypedParam params[] = {
        { "operation", { .type = VALUE_INT, .i = info.operation } },
        { "time_elapsed", { .type = VALUE_ULLONG, .ul = info.elapsed_ms } },
    };
    DomainGetJobStatsRet out = { .type = info.type };
    if (info.type != 0) {
        out.params.v = params;
        out.params.n = G_N_ELEMENTS(params);
    }
    call_reply(c, &out);
}

/* Without a security driver there is no label; an empty one says so. */
static void
get_security_label(Call *c)
{
    DomainGetSecurityLabelRet out = { .label = { "", 1 } };

    if (call_vm(c))
        call_reply(c, &out);
}

const Method domain_methods[] = {
    { PROC_DOMAIN_LOOKUP_BY_NAME, lookup_by_name },
    { PROC_DOMAIN_LOOKUP_BY_UUID, lookup_by_uuid },
    { PROC_DOMAIN_LOOKUP_BY_ID, lookup_by_id },
    { PROC_CONNECT_LIST_ALL_DOMAINS, list_all },
    { PROC_CONNECT_LIST_DOMAINS, list_ids },
    { PROC_CONNECT_NUM_OF_DOMAINS, count_active },
    { PROC_CONNECT_LIST_DEFINED_DOMAINS, list_defined },
    { PROC_CONNECT_NUM_OF_DEFINED_DOMAINS, count_defined },
    { PROC_DOMAIN_GET_XML_DESC, get_xml },
    { PROC_DOMAIN_GET_INFO, get_info },
    { PROC_DOMAIN_GET_STATE, get_state },
    { PROC_DOMAIN_GET_MAX_MEMORY, get_max_memory },
    { PROC_DOMAIN_GET_OS_TYPE, get_os_type },
    { PROC_DOMAIN_IS_ACTIVE, get_is_active },
    { PROC_DOMAIN_IS_PERSISTENT, get_is_persistent },
    { PROC_DOMAIN_IS_UPDATED, get_is_updated },
    { PROC_DOMAIN_GET_AUTOSTART, get_autostart },
    { PROC_DOMAIN_GET_AUTOSTART_ONCE, get_autostart_once },
    { PROC_DOMAIN_HAS_MANAGED_SAVE_IMAGE, get_has_managed_save },
    { PROC_DOMAIN_SNAPSHOT_NUM, get_snapshot_num },
    { PROC_DOMAIN_HAS_CURRENT_SNAPSHOT, get_has_current_snapshot },
    { PROC_DOMAIN_LIST_ALL_SNAPSHOTS, list_all_snapshots },
    { PROC_DOMAIN_SNAPSHOT_LIST_NAMES, list_snapshot_names },
    { PROC_DOMAIN_SNAPSHOT_LOOKUP_BY_NAME, find_snapshot },
    { PROC_DOMAIN_SNAPSHOT_CURRENT, get_current_snapshot },
    { PROC_DOMAIN_LIST_ALL_CHECKPOINTS, list_all_checkpoints },
    { PROC_DOMAIN_CHECKPOINT_LOOKUP_BY_NAME, find_checkpoint },
    { PROC_DOMAIN_GET_METADATA, get_metadata },
    { PROC_DOMAIN_GET_CONTROL_INFO, get_control },
    { PROC_DOMAIN_GET_MESSAGES, get_messages },
    { PROC_DOMAIN_GET_JOB_INFO, get_job_info },
    { PROC_DOMAIN_GET_JOB_STATS, get_job_stats },
    { PROC_DOMAIN_GET_SECURITY_LABEL, get_security_label },
    { 0 },
};
