/* Budgets: how much of the daemon's resources clients may hold, for each connection, for each user,
 * and for all together, with a reserve for root and for users of the socket that belongs to root
 * and its group. A table has the limits; an Account counts what one connection holds.
 *
 * A client that is over a budget is slowed first (its connection is not read, its calls wait), then
 * refused, then dropped. Each of these is counted, for vmsh daemon-status. */
#pragma once

#include "base/base.h"

#include <sys/types.h>

typedef enum BudgetKind {
    BUDGET_CONNECTIONS,
    BUDGET_DESCRIPTORS,   /* of connections, those that came with calls, ends of streams */
    BUDGET_CALLS,         /* calls that have begun and are not answered yet */
    BUDGET_ERRANDS,       /* calls whose work is done by a worker or a program */
    BUDGET_REGISTRATIONS, /* registrations for events */
    BUDGET_MESSAGE,       /* bytes of the largest message; nothing is counted */
    BUDGET_INPUT,         /* bytes of incomplete messages and of calls that wait */
    BUDGET_OUTPUT,        /* bytes that the client has not read yet */
    N_BUDGETS
} BudgetKind;

#define BUDGET_ANY G_MAXUINT64

typedef struct BudgetRow {
    const char *name;
    /* Limits of one connection: in its first half second or before it is opened, later, and for
     * root and the group. */
    guint64 young, client, trusted;
    guint64 user;    /* of all connections of one user; not of root's and the group's */
    guint64 all;     /* of all connections together */
    guint64 reserve; /* part of all that only root and the group may use */
} BudgetRow;

/* How much of a budget was used, and how often clients went over it, since the daemon started. */
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

/* The limits without vmd.conf. */
extern const BudgetRow budget_defaults[N_BUDGETS];
Budgets *budgets_new(void);
/* Sets other limits, for existing connections too; lowered as by budgets_fit_files. */
void budgets_set(Budgets *b, const BudgetRow rows[N_BUDGETS]);
/* Lowers the limits of connections and descriptors to the number of files that the process may
 * open. */
void budgets_fit_files(Budgets *b);
void budgets_unref(Budgets *b); /* drops a reference; accounts hold one too */

/* Makes the account of a connection. trusted: it is root's, or on the socket of root and the group.
 */
Account *account_new(Budgets *b, uid_t uid, gboolean trusted);
Account *account_ref(Account *a);
void account_unref(Account *a); /* NULL is fine; the last unref gives back what it still holds */
/* Notes that the client has opened the connection: the limits of new connections end. */
void account_opened(Account *a);
/* Makes the account older by us microseconds. */
void account_age(Account *a, gint64 us);
gboolean account_trusted(const Account *a);
/* Closes fd in a worker, because the last close of a descriptor that a client sent can take as long
 * as that client likes. It counts among the user's descriptors until it is closed. */
void account_discard(int fd, gpointer account);

/* The time of the main loop, of which all connections of a user together get a share in each turn.
 * account_may_run: whether the connection (by its number: connections take turns) may go on in this
 * turn. account_ran notes us microseconds that it has used. */
gboolean account_may_run(Account *a, guint64 connection, gint64 round);
void account_ran(Account *a, guint64 connection, gint64 us);

/* Whether n more would be within every limit. */
gboolean account_has_room(const Account *a, BudgetKind kind, guint64 n);
/* The same for the limit of the connection only. */
gboolean account_has_own_room(const Account *a, BudgetKind kind, guint64 n);
/* The limit of the connection, and how much it holds now. */
guint64 account_limit(const Account *a, BudgetKind kind);
guint64 account_used(const Account *a, BudgetKind kind);
/* Adds n to what the connection holds, even over the limit; account_give_back subtracts it. */
void account_charge(Account *a, BudgetKind kind, guint64 n);
void account_give_back(Account *a, BudgetKind kind, guint64 n);
/* account_has_room, or else ERR_BUSY, counted as refused. */
gboolean account_check(Account *a, BudgetKind kind, guint64 n, GError **err);
/* account_check and, if there is room, account_charge. */
gboolean account_take(Account *a, BudgetKind kind, guint64 n, GError **err);
void account_slowed(Account *a, BudgetKind kind);
void account_dropped(Account *a, BudgetKind kind);
