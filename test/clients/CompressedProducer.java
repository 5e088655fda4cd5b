import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/** Writes 100 records to each topic with Apache's own client. Arguments: brokers, then topic and codec by turns. */
public class CompressedProducer {
  public static void main(String[] args) {
    for (int i = 1; i + 1 < args.length; i += 2) {
      write(args[0], args[i], args[i + 1]);
    }
  }

  private static void write(String brokers, String topic, String codec) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", brokers);
    settings.put("compression.type", codec);
    settings.put("linger.ms", "200");
    settings.put("key.serializer", StringSerializer.class.getName());
    settings.put("value.serializer", StringSerializer.class.getName());
    try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings)) {
      for (int n = 0; n < 100; n++) {
        producer.send(new ProducerRecord<>(topic, "key-" + n, "value-" + n + " " + "x".repeat(500)));
      }
    }
  }
}
