/* A ledger as the driver of flows writes it. For core alone: what other rooms may ask of a ledger
 * is in core.h.
 */
#pragma once

#include "core.h"

/* One thing that was done, or that is about to be. */
typedef struct LedgerRow {
    guint64 no;
    guint64 flow; /* that entered it */
    const FlowTable *table;
    const Step *step;
    char *key;    /* "": the step's own */
    char **words; /* NULL-terminated, perhaps empty */
} LedgerRow;

/* Which rows an undo means. */
typedef enum Rows {
    ROWS_ALL,
    ROWS_OF_FLOW, /* of one flow, by its number */
    ROWS_OF_KEY,
    ROWS_LOOSE, /* of flows that were not committed */
} Rows;

/* path: NULL for one in memory only. kind and name: of the object, for whoever finds the file
 * later. A file that is there is read; one that makes no sense is set aside (ledger_broken). */
Ledger *ledger_open(const char *path, const char *kind, const char *name);
void ledger_free(Ledger *l); /* NULL is fine; the file stays when rows are left in it */

/* Enters a row, or gives one that is there already (same flow, step and key) these words. *flow is
 * the flow's number: 0 before its first row. FALSE: nothing was written and nothing is changed. */
gboolean ledger_note(Ledger *l, guint64 *flow, const FlowTable *table, const Step *step,
                     const char *key, const char *const *words, GError **err);
LedgerRow *ledger_find(const Ledger *l, guint64 flow, const Step *step, const char *key);
LedgerRow *ledger_newest(const Ledger *l, Rows which, guint64 flow, const char *key);
LedgerRow *ledger_at(const Ledger *l, guint64 no); /* by its number; NULL: undone */
/* Undone, and out of the ledger. */
void ledger_undone(Ledger *l, guint64 no);
/* All that is in it will be undone. */
void ledger_unwind(Ledger *l);
/* The flow is finished. FALSE: that could not be written. */
gboolean ledger_commit(Ledger *l, guint64 flow, GError **err);
/* Writes its file anew, which somebody has removed; nobody may hold a row's number. */
gboolean ledger_save(Ledger *l, GError **err);
/* The object's name in the first line of the file, or NULL. Caller frees. */
char *ledger_read_name(const char *path);
