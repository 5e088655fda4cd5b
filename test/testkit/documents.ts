/** The sample entity in its first form: a message between two telephone numbers. */
export const sparkSummitDocument = {
  version: '1.0',
  created_by: 'data-platform',
  date_created: '2018-06-05',
  namespace: 'Redaction',
  schema: {
    name: 'SparkSummit',
    namespace: 'Demo',
    type: 'record',
    fields: [
      { name: 'sid', type: 'string' },
      { name: 'account_sid', type: 'string' },
      { name: 'date_created', type: 'string', twilio_type: 'datetime' },
      { name: 'to', type: 'string', twilio_type: 'phonenummer' },
      { name: 'from', type: 'string', twilio_type: 'phonenumber' },
      { name: 'message_body', type: 'string', twilio_type: 'customertext' },
    ],
  },
};
