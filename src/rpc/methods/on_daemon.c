/* The daemon itself: how far its budgets are used, in totals, which tell nobody of others; and the
 * end of all guests. */
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

const Method daemon_methods[] = {
    { ON_NONE(VMD_HOST_DOWN, host_down), MAY(CONNECT_WRITE) },
    { ON_NONE(VMD_DAEMON_STATUS, daemon_status), MAY(CONNECT_READ) },
    { 0 },
};
