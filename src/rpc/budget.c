/* Budgets: the table, and who holds how much of it. */
#include "budget.h"

#include <sys/resource.h>

#include "core/core.h"

#define YOUNG_US (G_USEC_PER_SEC / 2)
#define ROUND_US 2000 /* of the loop for one user, unless there is nobody else */
#define KIB      ((guint64)1024)
#define MIB      (1024 * KIB)
#define ANY      BUDGET_ANY

/* One for all connections of a user that count for it, there as long as one of them is. */
typedef struct User {
    Budgets *budgets;
    uid_t uid;
    guint refs;
    guint8 sender[UUID_LEN]; /* its errands' */
    guint64 used[N_BUDGETS];
    /* Its connections run in the order of their numbers; the round after the one in which time ran
     * out begins behind the last that ran. */
    gint64 round, spent;
    guint64 behind;
} User;

struct Account {
    User *user;
    guint refs;
    gboolean trusted, opened;
    gint64 born; /* monotonic, us */
    guint64 used[N_BUDGETS];
};

const BudgetRow budget_defaults[N_BUDGETS] = {
    /*                        name              young     client     trusted   user      all  kept
     */
    [BUDGET_CONNECTIONS] = { "connections", ANY, ANY, ANY, 200, 5000, 1000 },
    [BUDGET_DESCRIPTORS] = { "descriptors", 4, 16, 256, 400, 12000, 4000 },
    [BUDGET_CALLS] = { "calls", 32, 128, 1024, 1024, 8192, 4096 },
    [BUDGET_ERRANDS] = { "errands", 1, 2, 16, 4, 24, 12 },
    [BUDGET_REGISTRATIONS] = { "registrations", 64, 256, 1024, 2048, 16384, 8192 },
    [BUDGET_MESSAGE] = { "message", 64 * KIB, 128 * KIB, ANY, ANY, ANY, 0 },
    [BUDGET_INPUT] = { "input", 64 * KIB, 512 * KIB, 64 * MIB, 4 * MIB, 256 * MIB, 192 * MIB },
    [BUDGET_OUTPUT] = { "output", 1 * MIB, 4 * MIB, 64 * MIB, 32 * MIB, 384 * MIB, 256 * MIB },
};

/* ---- the table */

Budgets *
budgets_new(void)
{
    Budgets *b = g_new0(Budgets, 1);

    b->refs = 1;
    b->users = g_hash_table_new(NULL, NULL);
    for (gsize i = 0; i < N_BUDGETS; i++)
        b->rows[i] = budget_defaults[i];
    return b;
}

void
budgets_set(Budgets *b, const BudgetRow rows[N_BUDGETS])
{
    for (gsize i = 0; i < N_BUDGETS; i++)
        b->rows[i] = rows[i];
    budgets_fit_files(b);
}

/* A quarter stays for what the daemon opens for itself and for its machines. */
void
budgets_fit_files(Budgets *b)
{
    static const BudgetKind kinds[] = { BUDGET_CONNECTIONS, BUDGET_DESCRIPTORS };
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        BudgetRow *row = &b->rows[kinds[i]];
        row->all = MIN(row->all, files.rlim_cur / 4 * 3);
        row->reserve = MIN(row->reserve, row->all / 4);
    }
}

void
budgets_unref(Budgets *b)
{
    if (!b || --b->refs > 0)
        return;
    g_hash_table_unref(b->users);
    g_free(b);
}

/* ---- users */

static User *
user_get(Budgets *b, uid_t uid)
{
    User *user = g_hash_table_lookup(b->users, GUINT_TO_POINTER(uid));
    g_autofree char *name = NULL;

    if (user) {
        user->refs++;
        return user;
    }
    user = g_new0(User, 1);
    user->budgets = b;
    b->refs++;
    user->uid = uid;
    user->refs = 1;
    name = g_strdup_printf("user %u", (guint)uid);
    uuid_of_text(name, user->sender);
    g_hash_table_insert(b->users, GUINT_TO_POINTER(uid), user);
    return user;
}

static void
user_unref(User *user)
{
    if (--user->refs > 0)
        return;
    g_hash_table_remove(user->budgets->users, GUINT_TO_POINTER(user->uid));
    budgets_unref(user->budgets);
    g_free(user);
}

/* ---- accounts */

Account *
account_new(Budgets *b, uid_t uid, gboolean trusted)
{
    Account *a = g_new0(Account, 1);

    a->user = user_get(b, uid);
    a->refs = 1;
    a->trusted = trusted;
    a->born = g_get_monotonic_time();
    return a;
}

Account *
account_ref(Account *a)
{
    a->refs++;
    return a;
}

void
account_unref(Account *a)
{
    if (!a || --a->refs > 0)
        return;
    for (BudgetKind kind = 0; kind < N_BUDGETS; kind++)
        account_give_back(a, kind, a->used[kind]);
    user_unref(a->user);
    g_free(a);
}

void
account_opened(Account *a)
{
    a->opened = TRUE;
}

void
account_age(Account *a, gint64 us)
{
    a->born -= us;
}

gboolean
account_trusted(const Account *a)
{
    return a->trusted;
}

static gboolean
is_young(const Account *a)
{
    return !a->opened || g_get_monotonic_time() - a->born < YOUNG_US;
}

guint64
account_limit(const Account *a, BudgetKind kind)
{
    const BudgetRow *row = &a->user->budgets->rows[kind];

    if (a->trusted)
        return row->trusted;
    return is_young(a) ? row->young : row->client;
}

guint64
account_used(const Account *a, BudgetKind kind)
{
    return a->used[kind];
}

static gboolean
fits(guint64 used, guint64 n, guint64 limit)
{
    return used <= limit && n <= limit - used;
}

gboolean
account_has_own_room(const Account *a, BudgetKind kind, guint64 n)
{
    return fits(a->used[kind], n, account_limit(a, kind));
}

static gboolean
has_shared_room(const Account *a, BudgetKind kind, guint64 n)
{
    const Budgets *b = a->user->budgets;
    const BudgetRow *row = &b->rows[kind];
    guint64 used = b->counts[kind].used;

    if (a->trusted)
        return fits(used, n, row->all);
    return fits(used, n, row->all - row->reserve) && fits(a->user->used[kind], n, row->user);
}

gboolean
account_has_room(const Account *a, BudgetKind kind, guint64 n)
{
    return account_has_own_room(a, kind, n) && has_shared_room(a, kind, n);
}

void
account_charge(Account *a, BudgetKind kind, guint64 n)
{
    BudgetCount *count = &a->user->budgets->counts[kind];

    a->used[kind] += n;
    if (!a->trusted)
        a->user->used[kind] += n;
    count->used += n;
    count->most = MAX(count->most, count->used);
}

void
account_give_back(Account *a, BudgetKind kind, guint64 n)
{
    a->used[kind] -= n;
    if (!a->trusted)
        a->user->used[kind] -= n;
    a->user->budgets->counts[kind].used -= n;
}

gboolean
account_check(Account *a, BudgetKind kind, guint64 n, GError **err)
{
    Budgets *b = a->user->budgets;

    if (account_has_room(a, kind, n))
        return TRUE;
    b->counts[kind].refused++;
    return fail(err, ERR_BUSY, "budget '%s': %s", b->rows[kind].name,
                account_has_own_room(a, kind, n)
                    ? "this user's connections, or all together, hold too much"
                    : "this connection holds too much");
}

gboolean
account_take(Account *a, BudgetKind kind, guint64 n, GError **err)
{
    if (!account_check(a, kind, n, err))
        return FALSE;
    account_charge(a, kind, n);
    return TRUE;
}

void
account_slowed(Account *a, BudgetKind kind)
{
    a->user->budgets->counts[kind].slowed++;
}

void
account_dropped(Account *a, BudgetKind kind)
{
    a->user->budgets->counts[kind].dropped++;
}

/* ---- closing */

typedef struct Closing {
    int fd;
    Account *account;
} Closing;

static gpointer
close_in_worker(gpointer in, GError **err)
{
    fd_close(&((Closing *)in)->fd);
    return NULL;
}

static void
on_closed(gpointer out, const GError *err, gpointer user)
{
    Closing *closing = user;

    account_give_back(closing->account, BUDGET_DESCRIPTORS, 1);
    account_unref(closing->account);
}

void
account_discard(int fd, gpointer account)
{
    Closing *closing = g_new(Closing, 1);

    *closing = (Closing){ fd, account_ref(account) };
    account_charge(account, BUDGET_DESCRIPTORS, 1);
    offload_as(closing->account->user->sender, close_in_worker, closing, g_free, on_closed,
               closing);
}

/* ---- turns */

static void
round_begin(User *user, gint64 round)
{
    if (user->spent < ROUND_US)
        user->behind = 0;
    user->spent = 0;
    user->round = round;
}

gboolean
account_may_run(Account *a, guint64 connection, gint64 round)
{
    User *user = a->user;

    if (a->trusted)
        return TRUE;
    if (user->round != round)
        round_begin(user, round);
    return connection > user->behind && user->spent < ROUND_US;
}

void
account_ran(Account *a, guint64 connection, gint64 us)
{
    User *user = a->user;

    user->spent += us;
    if (user->spent >= ROUND_US)
        user->behind = connection;
}
