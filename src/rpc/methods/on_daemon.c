/* The daemon itself: how far its budgets are used, in totals, which tell nobody of others; and the
 * end of all guests; and tasks, which are told to whoever may look. */
#include "qemu/qemu.h"
#include "rpc/rpc_priv.h"

static void
daemon_status(Call *c)
{
    const Budgets *b = call_server(c)->budgets;
    VmdBudget rows[N_BUDGETS];
    VmdDaemonStatusRet out = { .budgets = { rows, N_BUDGETS } };

    for (BudgetKind kind = 0; kind < N_BUDGETS; kind++) {
        const BudgetRow *row = &b->rows[kind];
        const BudgetCount *count = &b->counts[kind];
        rows[kind] = (VmdBudget){
            .name = row->name,
            .used = count->used,
            .most = count->most,
            .all = row->all,
            .reserve = row->reserve,
            .slowed = count->slowed,
            .refused = count->refused,
            .dropped = count->dropped,
        };
    }
    call_reply(c, &out);
}

static void
on_down(const HostDown *down, gpointer user)
{
    VmdHostDownRet out = { .off = down->off, .forced = down->forced, .left = down->left };

    call_reply(user, &out);
}

static void
host_down(Call *c)
{
    qemu_host_down(call_asker(c), on_down, c);
}

/* ---- tasks */

static VmdTask
task_row(Task *t)
{
    TaskInfo info;

    task_info(t, &info);
    return (VmdTask){
        .id = info.id,
        .kind = info.kind,
        .subject_kind = info.subject_kind,
        .subject = info.subject,
        .thing = info.thing,
        .uid = info.uid,
        .owner = info.owner ? info.owner : "vmd",
        .started = info.started,
        .state = task_state_word(info.state),
        .progress = { info.unit, info.progress.done, info.progress.total, info.speed },
    };
}

static void
list_tasks(Call *c)
{
    g_autoptr(GPtrArray) all = task_list();
    VmdTask *rows = arena_new(call_arena(c), VmdTask, all->len);
    VmdTasksRet out = { .tasks = { rows, all->len } };

    for (guint i = 0; i < all->len; i++)
        rows[i] = task_row(all->pdata[i]);
    call_reply(c, &out);
}

static void
abort_task(Call *c)
{
    const VmdTaskAbortArgs *in = call_in(c);
    g_autoptr(GError) err = NULL;
    Task *t = task_find(in->id, &err);

    call_end(c, t && task_abort(t, call_who(c), &err), &err);
}

const Method daemon_methods[] = {
    { ON_NONE(VMD_HOST_DOWN, host_down), MAY(CONNECT_WRITE) },
    { ON_NONE(VMD_DAEMON_STATUS, daemon_status), MAY(CONNECT_READ) },
    { ON_NONE(VMD_TASKS, list_tasks), MAY(CONNECT_READ) },
    { ON_NONE(VMD_TASK_ABORT, abort_task), MAY(CONNECT_WRITE) },
    { 0 },
};
