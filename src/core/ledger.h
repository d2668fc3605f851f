/* The ledger as the driver of flows writes it. For core only: the functions for other rooms are in
 * core.h. */
#pragma once

#include "core.h"

/* A thing that was done, or is about to be done. */
typedef struct LedgerRow {
    guint64 no;
    guint64 flow; /* number of the flow that entered it */
    const FlowTable *table;
    const Step *step;
    char *key;    /* "": the step's own line */
    char **words; /* NULL-terminated, perhaps empty */
} LedgerRow;

/* Which rows to look among. */
typedef enum Rows {
    ROWS_ALL,
    ROWS_OF_FLOW, /* of one flow, given by its number */
    ROWS_OF_KEY,
    ROWS_LOOSE, /* of all flows that were not committed */
} Rows;

/* Opens a ledger. path: NULL for one in memory only. kind and name: those of the object, written
 * into the file for a later reader. An existing file is read; one that makes no sense is set aside
 * (ledger_broken). Free with ledger_free. */
Ledger *ledger_open(const char *path, const char *kind, const char *name);
void ledger_free(Ledger *l); /* NULL is fine; the file stays when rows are left in it */

/* Enters a row, or gives an existing one (same flow, step and key) these words. *flow is the flow's
 * number: 0 before its first row, then set. FALSE: nothing was written and nothing has changed. */
gboolean ledger_note(Ledger *l, guint64 *flow, const FlowTable *table, const Step *step,
                     const char *key, const char *const *words, GError **err);
LedgerRow *ledger_find(const Ledger *l, guint64 flow, const Step *step, const char *key);
LedgerRow *ledger_newest(const Ledger *l, Rows which, guint64 flow, const char *key);
LedgerRow *ledger_at(const Ledger *l, guint64 no); /* the row of that number; NULL: it was undone */
/* Removes a row that was undone. */
void ledger_undone(Ledger *l, guint64 no);
/* Marks that everything in the ledger is being undone. */
void ledger_unwind(Ledger *l);
/* Marks a flow as committed. FALSE: that could not be written. */
gboolean ledger_commit(Ledger *l, guint64 flow, GError **err);
/* Writes the file again, after somebody has removed it; nothing may hold a row's number. */
gboolean ledger_save(Ledger *l, GError **err);
/* The object's name in the first line of the file, or NULL. The caller frees it. */
char *ledger_read_name(const char *path);
