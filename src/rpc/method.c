/* The rows of a program by procedure number, checked against the procedures they are for. */
#include "rpc_priv.h"

#include <string.h>

static const WireField *
field_find(const WireType *t, WireKind kind, const char *name, const WireType *of)
{
    for (guint32 i = 0; i < t->n_fields; i++) {
        const WireField *f = &t->fields[i];
        if (f->kind == kind && (!name || strcmp(f->name, name) == 0) && f->type == of)
            return f;
    }
    return NULL;
}

void
slot_set(Slot *slot, guint32 program, const Method *m)
{
    const Procedure *p = procedure_find(program, m->number);
    const WireField *flags = field_find(p->args, W_U32, "flags", NULL);
    const WireField *named = m->subject->named_by
                                 ? field_find(p->args, W_REF, NULL, m->subject->named_by)
                                 : NULL;

    if ((m->subject->named_by && !named) || (m->flags && !flags))
        g_error("the row of %s does not fit its arguments", p->name);
    *slot = (Slot){
        .method = m,
        .subject_offset = named ? named->offset : 0,
        .flags_offset = flags ? (gint32)flags->offset : -1,
    };
}

Slot *
slots_load(guint32 program, const Method *const *tables)
{
    Slot *slots = g_new0(Slot, (gsize)procedure_max(program) + 1);

    for (; *tables; tables++) {
        for (const Method *m = *tables; m->number; m++) {
            if (slots[m->number].method)
                g_error("procedure %d has two rows", m->number);
            slot_set(&slots[m->number], program, m);
        }
    }
    return slots;
}

/* ---- lists */

gboolean
list_filter(guint32 flags, guint32 is, const guint32 *questions, gsize n_questions)
{
    for (gsize i = 0; i < n_questions; i++)
        if ((flags & questions[i]) && !(flags & questions[i] & is))
            return FALSE;
    return TRUE;
}

GPtrArray *
list_keep(GPtrArray *all, ListPasses passes, guint32 flags)
{
    guint kept = 0;

    if (!flags) /* nothing is asked of them */
        return all;
    for (guint i = 0; i < all->len; i++) {
        gpointer item = all->pdata[i];
        if (!passes(item, flags))
            continue;
        all->pdata[i] = all->pdata[kept];
        all->pdata[kept++] = item;
    }
    g_ptr_array_set_size(all, (gint)kept); /* the others are let go */
    return all;
}

void
call_reply_names(Call *c, const GPtrArray *objects, gint32 most)
{
    ConnectListNetworksRet out = {
        .names = { .n = (guint32)CLAMP(most, 0, (gint)objects->len) },
    };

    out.names.v = arena_new(call_arena(c), const char *, out.names.n);
    for (guint i = 0; i < out.names.n; i++)
        out.names.v[i] = ((const Object *)objects->pdata[i])->name;
    call_reply(c, &out);
}
