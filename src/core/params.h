/* Typed parameters: named values of seven types, as clients of the API know them. */
#pragma once

#include <glib.h>

/* The numbers are virTypedParameterType's. */
typedef enum ParamType {
    PARAM_INT = 1,
    PARAM_UINT,
    PARAM_LLONG,
    PARAM_ULLONG,
    PARAM_DOUBLE,
    PARAM_BOOLEAN,
    PARAM_STRING,
} ParamType;

typedef struct Param {
    char *name; /* owned */
    ParamType type;
    union {
        gint32 i;
        guint32 u;
        gint64 l;
        guint64 ul;
        gdouble d;
        gboolean b;
        char *s; /* owned */
    };
} Param;

/* A list that grows. The functions below format the name ("block.%u.rd.bytes") and copy it. */
typedef struct Params {
    GArray *items; /* of Param */
} Params;

void params_init(Params *p);
void params_done(Params *p); /* twice is safe */
guint params_count(const Params *p);
const Param *params_get(const Params *p, guint index);
const Param *params_find(const Params *p, const char *name);
void params_add_int(Params *p, gint32 value, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
void params_add_uint(Params *p, guint32 value, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
void params_add_llong(Params *p, gint64 value, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
void params_add_ullong(Params *p, guint64 value, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
void params_add_double(Params *p, gdouble value, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
void params_add_boolean(Params *p, gboolean value, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
/* value is copied; NULL: nothing is added. */
void params_add_string(Params *p, const char *value, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
