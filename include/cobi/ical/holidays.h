/* Bank holidays from an iCalendar file in the form that gov.uk publishes. */
#ifndef COBI_ICAL_HOLIDAYS_H
#define COBI_ICAL_HOLIDAYS_H

#include <stddef.h>

#include "cobi/base/attribute.h"
#include "cobi/base/complaint.h"
#include "cobi/rules/hours.h"

#define CALENDAR_BYTES_MAX ((size_t)64 * 1024)
/* Reads all-day events from the file (at most CALENDAR_BYTES_MAX bytes, nesting at most 4 deep, no
 * recurrence). Returns 0, or -EINVAL or another negative errno with one line in complaint
 * ("file:line: text"). */
_must_use_ int holidays_load(const char *file, struct holidays *ret_holidays,
                             struct complaint *complaint);
_must_use_ int holidays_parse(const char *file_name, const char *bytes, size_t length,
                              struct holidays *ret_holidays, struct complaint *complaint);

#endif
