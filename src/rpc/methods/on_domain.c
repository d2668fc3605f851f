/* Finding domains and reading about them: everything answers from memory. */
#include "on_domain.h"

#include <string.h>

/* ---- shared by the domain's methods */

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
    VmState state;
    int reason;

    vm_state(vm, &state, &reason);
    if (state == VM_RUNNING)
        return LIST_RUNNING;
    if (state == VM_PAUSED)
        return LIST_PAUSED;
    return state == VM_SHUTOFF ? LIST_SHUTOFF : LIST_OTHER;
}

gboolean
domain_matches(gpointer item, guint32 flags)
{
    Vm *vm = item;
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
    return list_filter(flags, is, questions, G_N_ELEMENTS(questions));
}

GPtrArray *
domains_matching(guint32 flags)
{
    return list_keep(vm_list(), domain_matches, flags);
}

static void
list_all(Call *c)
{
    const ConnectListAllDomainsArgs *in = call_in(c);
    ConnectListAllDomainsRet out = { 0 };

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

    call_reply_names(c, vms, in->maxnames);
}

static void
count_defined(Call *c)
{
    g_autoptr(GPtrArray) vms = domains_matching(LIST_INACTIVE);
    ConnectNumOfDefinedDomainsRet out = { .num = (gint32)vms->len };

    call_reply(c, &out);
}

/* ---- reading one */

enum { DUMP_SECURE = 1, DUMP_INACTIVE = 2, DUMP_UPDATE_CPU = 4, DUMP_MIGRATABLE = 8 };
enum { DUMP_FLAGS = DUMP_SECURE | DUMP_INACTIVE | DUMP_UPDATE_CPU | DUMP_MIGRATABLE };

static void
on_xml(const char *xml, const GError *err, gpointer user)
{
    DomainGetXmlDescRet out = { .xml = xml };

    if (err)
        call_fail(user, g_error_copy(err));
    else
        call_reply((Call *)user, &out);
}

/* FALSE: the call is answered. */
static gboolean
take_info(Call *c, Vm *vm, VmInfo *ret_info)
{
    GError *err = NULL;

    if (vm_info(vm, ret_info, &err))
        return TRUE;
    call_fail(c, err);
    return FALSE;
}

static void
get_xml(Call *c, Vm *vm)
{
    const DomainGetXmlDescArgs *in = call_in(c);

    vm_ask_xml(vm, in->flags, on_xml, c);
}

static void
get_info(Call *c, Vm *vm)
{
    VmInfo info;

    if (!take_info(c, vm, &info))
        return;
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
get_state(Call *c, Vm *vm)
{
    VmState state;
    int reason;

    vm_state(vm, &state, &reason);
    DomainGetStateRet out = { .state = (gint32)state, .reason = reason };
    call_reply(c, &out);
}

static void
get_max_memory(Call *c, Vm *vm)
{
    VmInfo info;

    if (!take_info(c, vm, &info))
        return;
    DomainGetMaxMemoryRet out = { .memory = info.max_memory_kib };
    call_reply(c, &out);
}

static void
get_os_type(Call *c, Vm *vm)
{
    const DomainDef *def;
    GError *err = NULL;

    if (!(def = vm_def(vm, &err))) {
        call_fail(c, err);
        return;
    }
    DomainGetOsTypeRet out = { .type = def->os.type };
    call_reply(c, &out);
}

/* Replies that are one number, of a question that cannot fail. */
typedef int (*VmQuestion)(Vm *vm);

static void
reply_number(Call *c, Vm *vm, VmQuestion question)
{
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
    static void name(Call *c, Vm *vm)                                                              \
    {                                                                                              \
        reply_number(c, vm, question);                                                             \
    }
NUMBER_METHOD(get_is_active, is_active)
NUMBER_METHOD(get_is_persistent, is_persistent)
NUMBER_METHOD(get_is_updated, is_updated)
NUMBER_METHOD(get_autostart, has_autostart)
NUMBER_METHOD(get_autostart_once, has_autostart_once)
NUMBER_METHOD(get_has_managed_save, has_managed_save)
NUMBER_METHOD(get_snapshot_num, none_of)
NUMBER_METHOD(get_has_current_snapshot, none_of)

/* Snapshots and checkpoints are not kept yet: there are none of any domain, however they are
 * filtered and sorted. */
enum { SNAPSHOT_LIST_FLAGS = 0x7ff, CHECKPOINT_LIST_FLAGS = 0xf };

static void
list_all_snapshots(Call *c, Vm *vm)
{
    DomainListAllSnapshotsRet out = { 0 };

    call_reply(c, &out);
}

static void
list_all_checkpoints(Call *c, Vm *vm)
{
    DomainListAllCheckpointsRet out = { 0 };

    call_reply(c, &out);
}

static void
list_snapshot_names(Call *c, Vm *vm)
{
    DomainSnapshotListNamesRet out = { 0 };

    call_reply(c, &out);
}

static void
find_snapshot(Call *c, Vm *vm)
{
    const DomainSnapshotLookupByNameArgs *in = call_in(c);
    GError *err = NULL;

    fail(&err, ERR_NO_SNAPSHOT, "no domain snapshot with matching name '%s'", in->name);
    call_fail(c, err);
}

static void
get_current_snapshot(Call *c, Vm *vm)
{
    GError *err = NULL;

    fail(&err, ERR_NO_SNAPSHOT, "the domain does not have a current snapshot");
    call_fail(c, err);
}

static void
find_checkpoint(Call *c, Vm *vm)
{
    const DomainCheckpointLookupByNameArgs *in = call_in(c);
    GError *err = NULL;

    fail(&err, ERR_NO_CHECKPOINT, "no domain checkpoint with matching name '%s'", in->name);
    call_fail(c, err);
}

static void
get_metadata(Call *c, Vm *vm)
{
    const DomainGetMetadataArgs *in = call_in(c);
    GError *err = NULL;

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
get_control(Call *c, Vm *vm)
{
    int state, details;
    guint64 ms;

    if (!call_needs_active(c, vm))
        return;
    vm_control(vm, &state, &details, &ms);
    DomainGetControlInfoRet out = { (guint32)state, (guint32)details, ms };
    call_reply(c, &out);
}

enum { ALL_MESSAGES = 7 };

static void
get_messages(Call *c, Vm *vm)
{
    const DomainGetMessagesArgs *in = call_in(c);

    GError *err = NULL;
    g_auto(GStrv) texts = vm_messages(vm, in->flags ? in->flags : ALL_MESSAGES, &err);
    DomainGetMessagesRet out = { .msgs = { .v = (const char **)texts } };

    if (texts) {
        out.msgs.n = g_strv_length(texts);
        call_reply(c, &out);
    } else {
        call_fail(c, err);
    }
}

static void
get_job_info(Call *c, Vm *vm)
{
    VmJobInfo info;

    if (!call_needs_active(c, vm))
        return;
    vm_job_info(vm, &info);
    DomainGetJobInfoRet out = { .type = info.type, .time_elapsed = info.elapsed_ms };
    call_reply(c, &out);
}

enum { COMPLETED = 1, KEEP_COMPLETED = 2 };

static void
get_job_stats(Call *c, Vm *vm)
{
    const DomainGetJobStatsArgs *in = call_in(c);
    VmJobInfo info = { 0 };

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
get_security_label(Call *c, Vm *vm)
{
    DomainGetSecurityLabelRet out = { .label = { "", 1 } };

    call_reply(c, &out);
}

const Method domain_methods[] = {
    { ON_DOMAIN_BY(name, DOMAIN_LOOKUP_BY_NAME, call_reply_vm), MAY(DOMAIN_GETATTR) },
    { ON_DOMAIN_BY(uuid, DOMAIN_LOOKUP_BY_UUID, call_reply_vm), MAY(DOMAIN_GETATTR) },
    { ON_DOMAIN_BY(id, DOMAIN_LOOKUP_BY_ID, call_reply_vm), MAY(DOMAIN_GETATTR) },
    { ON_NONE(CONNECT_LIST_ALL_DOMAINS, list_all), FLAGS(DOMAIN_LIST_FLAGS),
      MAY(CONNECT_SEARCH_DOMAINS) },
    { ON_NONE(CONNECT_LIST_DOMAINS, list_ids), MAY(CONNECT_SEARCH_DOMAINS) },
    { ON_NONE(CONNECT_NUM_OF_DOMAINS, count_active), MAY(CONNECT_SEARCH_DOMAINS) },
    { ON_NONE(CONNECT_LIST_DEFINED_DOMAINS, list_defined), MAY(CONNECT_SEARCH_DOMAINS) },
    { ON_NONE(CONNECT_NUM_OF_DEFINED_DOMAINS, count_defined), MAY(CONNECT_SEARCH_DOMAINS) },
    { ON_DOMAIN(DOMAIN_GET_XML_DESC, get_xml), FLAGS(DUMP_FLAGS),
      MAY_OR_WRITE(DOMAIN_READ, DOMAIN_READ_SECURE) },
    { ON_DOMAIN(DOMAIN_GET_INFO, get_info), MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_GET_STATE, get_state), MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_GET_MAX_MEMORY, get_max_memory), MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_GET_OS_TYPE, get_os_type), MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_IS_ACTIVE, get_is_active), MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_IS_PERSISTENT, get_is_persistent), MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_IS_UPDATED, get_is_updated), MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_GET_AUTOSTART, get_autostart), MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_GET_AUTOSTART_ONCE, get_autostart_once), MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_HAS_MANAGED_SAVE_IMAGE, get_has_managed_save), MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_SNAPSHOT_NUM, get_snapshot_num), FLAGS(SNAPSHOT_LIST_FLAGS),
      MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_HAS_CURRENT_SNAPSHOT, get_has_current_snapshot), MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_LIST_ALL_SNAPSHOTS, list_all_snapshots), FLAGS(SNAPSHOT_LIST_FLAGS),
      MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_SNAPSHOT_LIST_NAMES, list_snapshot_names), FLAGS(SNAPSHOT_LIST_FLAGS),
      MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_SNAPSHOT_LOOKUP_BY_NAME, find_snapshot), MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_SNAPSHOT_CURRENT, get_current_snapshot), MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_LIST_ALL_CHECKPOINTS, list_all_checkpoints), FLAGS(CHECKPOINT_LIST_FLAGS),
      MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_CHECKPOINT_LOOKUP_BY_NAME, find_checkpoint), MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_GET_METADATA, get_metadata), FLAGS(IMPACT), MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_GET_CONTROL_INFO, get_control), MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_GET_MESSAGES, get_messages), FLAGS(ALL_MESSAGES), MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_GET_JOB_INFO, get_job_info), MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_GET_JOB_STATS, get_job_stats), FLAGS(COMPLETED | KEEP_COMPLETED),
      MAY(DOMAIN_READ) },
    { ON_DOMAIN(DOMAIN_GET_SECURITY_LABEL, get_security_label), MAY(DOMAIN_READ) },
    { 0 },
};
