/* Typed parameters: the growing list. */
#include "params.h"

#include <string.h>

static void
param_done(gpointer p)
{
    Param *param = p;

    if (param->type == PARAM_STRING)
        g_clear_pointer(&param->s, g_free);
    g_clear_pointer(&param->name, g_free);
}

void
params_init(Params *p)
{
    p->items = g_array_new(FALSE, TRUE, sizeof(Param));
    g_array_set_clear_func(p->items, param_done);
}

void
params_done(Params *p)
{
    g_clear_pointer(&p->items, g_array_unref);
}

guint
params_count(const Params *p)
{
    return p->items ? p->items->len : 0;
}

const Param *
params_get(const Params *p, guint index)
{
    return &g_array_index(p->items, Param, index);
}

const Param *
params_find(const Params *p, const char *name)
{
    for (guint i = 0; i < params_count(p); i++)
        if (strcmp(params_get(p, i)->name, name) == 0)
            return params_get(p, i);
    return NULL;
}

/* Appends a row of that type; the caller fills in the value. */
static Param *
append(Params *p, ParamType type, const char *fmt, va_list args)
{
    Param param = { .type = type };

    /* Most names are constant: vprintf's cost shows when 20 guests report every counter. */
    param.name = strchr(fmt, '%') ? g_strdup_vprintf(fmt, args) : g_strdup(fmt);
    g_array_append_val(p->items, param);
    return &g_array_index(p->items, Param, p->items->len - 1);
}

#define ADDER(function, ctype, ptype, member)                                                      \
    void function(Params *p, ctype value, const char *fmt, ...)                                    \
    {                                                                                              \
        va_list args;                                                                              \
                                                                                                   \
        va_start(args, fmt);                                                                       \
        append(p, ptype, fmt, args)->member = value;                                               \
        va_end(args);                                                                              \
    }

ADDER(params_add_int, gint32, PARAM_INT, i)
ADDER(params_add_uint, guint32, PARAM_UINT, u)
ADDER(params_add_llong, gint64, PARAM_LLONG, l)
ADDER(params_add_ullong, guint64, PARAM_ULLONG, ul)
ADDER(params_add_double, gdouble, PARAM_DOUBLE, d)
ADDER(params_add_boolean, gboolean, PARAM_BOOLEAN, b)

void
params_add_string(Params *p, const char *value, const char *fmt, ...)
{
    va_list args;

    if (!value)
        return;
    va_start(args, fmt);
    append(p, PARAM_STRING, fmt, args)->s = g_strdup(value);
    va_end(args);
}
