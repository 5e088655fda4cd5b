const fields = [
  { name: 'sid', type: 'string', twilio_type: 'sid' },
  { name: 'account_sid', type: 'string', twilio_type: 'sid' },
  { name: 'date_created', type: 'string', twilio_type: 'datetime' },
  { name: 'to', type: 'string', twilio_type: 'phonenummer' },
  { name: 'from', type: 'string', twilio_type: 'phonenummer' },
  { name: 'message_body', type: 'string', twilio_type: 'customertext' },
];

const document = (version: string, date: string, extra: readonly object[]) => ({
  version,
  created_by: 'data-platform',
  date_created: date,
  namespace: 'Redaction',
  schema: { name: 'SparkSummit', namespace: 'Demo', type: 'record', fields: [...fields, ...extra] },
});

/** The sample entity, first version: a message between two telephone numbers. */
export const versionOne = document('1.0', '2018-06-04', []);

/** Second version: who sent it, and an optional mail address. */
export const versionTwo = document('2.0', '2018-06-05', [
  { name: 'user_id', type: 'string', twilio_type: 'identifier' },
  { name: 'email', type: ['null', 'string'], default: null, twilio_type: 'email' },
]);

/** The message that the anonymization examples use. */
export const exampleMessage = {
  sid: 'SM0000000000',
  account_sid: 'AC01',
  date_created: '2018-06-05T10:00:00Z',
  to: '+11234567890',
  from: '+351234567890',
  message_body: 'Hello Spark Summit!',
  user_id: 'AC01-user-1',
  email: 'john@example.com',
};
