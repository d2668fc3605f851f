/* What clients may hold of the daemon: per connection, per user, and all together, with a part that
 * is kept for root and for those who may use the socket of root and its group. One table says how
 * much; an Account counts what one connection holds.
 *
 * Whoever is over a budget is slowed first (it is not read, its calls wait), then refused, then
 * dropped; each is counted, for vmsh daemon-status.
 */
#pragma once

#include "base/base.h"

#include <sys/types.h>

typedef enum BudgetKind {
    BUDGET_CONNECTIONS,
    BUDGET_DESCRIPTORS,   /* connections, what came with calls, ends of streams */
    BUDGET_CALLS,         /* that have begun and are not answered */
    BUDGET_ERRANDS,       /* calls whose work a worker or a program does */
    BUDGET_REGISTRATIONS, /* for events */
    BUDGET_MESSAGE,       /* bytes of the largest one; nothing is counted */
    BUDGET_INPUT,         /* bytes that wait: of half messages, of calls not answered */
    BUDGET_OUTPUT,        /* bytes that the client has not read yet */
    N_BUDGETS
} BudgetKind;

#define BUDGET_ANY G_MAXUINT64

typedef struct BudgetRow {
    const char *name;
    /* Of one connection: in its first half second or before it is opened, later, and of root's and
     * the group's. */
    guint64 young, client, trusted;
    guint64 user;    /* of all connections of one user; not of root's and the group's */
    guint64 all;     /* of everybody */
    guint64 reserve; /* of that, for root and the group alone */
} BudgetRow;

/* How a budget was held up to, since the daemon started. */
typedef struct BudgetCount {
    guint64 used, most, slowed, refused, dropped;
} BudgetCount;

typedef struct Budgets {
    BudgetRow rows[N_BUDGETS];
    BudgetCount counts[N_BUDGETS];
    GHashTable *users; /* uid -> User */
    guint refs;
} Budgets;

typedef struct Account Account;

/* The rows as they are without vmd.conf. */
extern const BudgetRow budget_defaults[N_BUDGETS];
Budgets *budgets_new(void);
/* Other rows, for who holds something already as well; fitted as below. */
void budgets_set(Budgets *b, const BudgetRow rows[N_BUDGETS]);
/* Fewer connections and descriptors where the process may open fewer files. */
void budgets_fit_files(Budgets *b);
void budgets_unref(Budgets *b); /* accounts keep a reference, too */

/* trusted: root, or on the socket of root and the group. */
Account *account_new(Budgets *b, uid_t uid, gboolean trusted);
Account *account_ref(Account *a);
void account_unref(Account *a); /* NULL is fine; what it still holds is given back with the last */
/* It has been let in: what it may hold is no longer that of a connection that says nothing. */
void account_opened(Account *a);
/* As if it had begun us earlier. */
void account_age(Account *a, gint64 us);
gboolean account_trusted(const Account *a);
/* Closes fd in a worker, for the last close of what a client has sent waits as long as that client
 * likes; it counts among the user's descriptors until it is closed. */
void account_discard(int fd, gpointer account);

/* Time on the loop, of which all connections of a user have a part in each round. May the
 * connection (by its number: connections take turns) go on in this round? */
gboolean account_may_run(Account *a, guint64 connection, gint64 round);
void account_ran(Account *a, guint64 connection, gint64 us);

/* Would n more be within every budget? */
gboolean account_has_room(const Account *a, BudgetKind kind, guint64 n);
/* The same within the connection's own. */
gboolean account_has_own_room(const Account *a, BudgetKind kind, guint64 n);
/* Of one connection, now. */
guint64 account_limit(const Account *a, BudgetKind kind);
guint64 account_used(const Account *a, BudgetKind kind);
/* Counts n, whether there is room or not. */
void account_charge(Account *a, BudgetKind kind, guint64 n);
void account_give_back(Account *a, BudgetKind kind, guint64 n);
/* account_has_room, or ERR_BUSY and a count of the refused. */
gboolean account_check(Account *a, BudgetKind kind, guint64 n, GError **err);
/* The same, and account_charge. */
gboolean account_take(Account *a, BudgetKind kind, guint64 n, GError **err);
void account_slowed(Account *a, BudgetKind kind);
void account_dropped(Account *a, BudgetKind kind);
