/* The order of the rules. The client gets the error of the first rule that fails, so basic rules
 * come first. */
#include "check.h"

static const Rule *const tables[] = {
    domain_rules, board_rules,      firmware_rules,     cpu_rules,     tune_rules,
    disk_rules,   controller_rules, char_rules,         net_rules,     display_rules,
    device_rules, disk_pair_rules,  display_pair_rules, address_rules,
};

static const Rule *const written_tables[] = { written_rules,        cpu_written_rules,
                                              tune_written_rules,   controller_written_rules,
                                              device_written_rules, boot_written_rules };

static gboolean
check_table(const Rule *rules, const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    for (const Rule *r = rules; r->name; r++)
        if (!r->check(def, caps, err))
            return FALSE;
    return TRUE;
}

gboolean
domain_check_written(const DomainDef *def, GError **err)
{
    g_autoptr(GError) why = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(written_tables); i++)
        if (!check_table(written_tables[i], def, NULL, &why)) {
            error_of_document(why);
            g_propagate_error(err, g_steal_pointer(&why));
            return FALSE;
        }
    return TRUE;
}

gboolean
domain_check(const DomainDef *def, const EmulatorCaps *caps, GError **err)
{
    for (guint i = 0; i < G_N_ELEMENTS(tables); i++)
        if (!check_table(tables[i], def, caps, err))
            return FALSE;
    return TRUE;
}

/* ---- what several rules ask ---------------------------------------------------------------- */

gboolean
domain_is_x86(const DomainDef *def)
{
    return g_strcmp0(def->os.arch, "x86_64") == 0 || g_strcmp0(def->os.arch, "i686") == 0;
}

/* Whether all memory is shared: one setting is enough for all of it, but each cell may say
 * otherwise. */
gboolean
domain_shares_memory(const DomainDef *def)
{
    gboolean shared = def->backing && def->backing->access == MEMORY_SHARED;
    const CpuNuma *numa = def->cpu ? def->cpu->numa : NULL;

    if (!numa || !numa->cells)
        return shared;
    EACH (NumaCell, cell, numa->cells)
        if (cell->access ? cell->access != MEMORY_SHARED : !shared)
            return FALSE;
    return TRUE;
}

gboolean
domain_has_iothread(const DomainDef *def, guint32 id)
{
    EACH (IothreadDef, t, def->iothread_ids)
        if (t->id == id)
            return TRUE;
    return list_length(def->iothread_ids) == 0 && id > 0 && id <= def->iothreads;
}
